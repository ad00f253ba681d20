"""The stages in dvc.yaml, and which files a stage reads."""

import os
import sys
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from support.paths import ROOT

STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]

_recordings = []  # the list of opened files, while `files_read` records them


def definition_of(stage):
    return STAGES[stage].get("do", STAGES[stage])


def contains(dependency, file):
    """Return whether a dependency of a stage contains the file. A dependency is a file or a folder."""
    return file == dependency or file.startswith(f"{dependency}/")


def outputs_of(stage):
    """Return the paths of a stage's outputs. Options of an output, such as `cache: false`, are left out."""
    outputs = definition_of(stage)["outs"]
    return [path for output in outputs for path in (output if isinstance(output, dict) else [output])]


def files_read(function):
    """Call a function. Return the files that this process reads during the call, as relative paths, sorted.

    Files outside the current folder are left out.
    """
    _install_hook()
    opened = []
    _recordings.append(opened)
    try:
        function()
    finally:
        _recordings.pop()
    here = Path.cwd()
    paths = {path.absolute().relative_to(here) for path in opened if path.absolute().is_relative_to(here)}
    return sorted(str(path) for path in paths if path.is_file())


@cache  # Python cannot remove an audit hook
def _install_hook():
    sys.addaudithook(_record)


def _record(event, arguments):
    if not _recordings or event != "open":
        return
    path, _, flags = arguments
    if isinstance(path, str) and flags & os.O_ACCMODE == os.O_RDONLY:
        _recordings[-1].append(Path(path))


def undeclared(stage, files):
    """Return the files that dvc.yaml lists neither as dependencies nor as outputs of the stage.

    params.yaml is never returned.
    """
    declared = [*definition_of(stage)["deps"], *outputs_of(stage), "params.yaml"]
    return [file for file in files if not any(contains(path, file) for path in declared)]
