"""Find which files a function reads, and compare them with the files that dvc.yaml declares."""

import os
import sys
from pathlib import Path

from ruamel.yaml import YAML

from support.paths import ROOT

_opened = []
_hooks = []  # Python cannot remove an audit hook, so there is at most one


def _note(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & os.O_ACCMODE == os.O_RDONLY:
        _opened.append(Path(arguments[0]))


def files_read(function):
    """Call a function. Return the files that this process reads during the call, as relative paths, sorted.

    Files outside the current folder are left out.
    """
    if not _hooks:
        sys.addaudithook(_note)
        _hooks.append(_note)
    _opened.clear()
    function()
    here = Path.cwd()
    paths = {path.absolute().relative_to(here) for path in _opened if path.absolute().is_relative_to(here)}
    return sorted(str(path) for path in paths if path.is_file())


def undeclared(stage, files):
    """Return the files that dvc.yaml lists neither as dependencies nor as outputs of the stage.

    params.yaml is never returned.
    """
    definition = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"][stage]
    outputs = [path for output in definition["outs"] for path in (output if isinstance(output, dict) else [output])]
    declared = [*definition["deps"], *outputs, "params.yaml"]
    return [file for file in files if not any(file == path or file.startswith(f"{path}/") for path in declared)]
