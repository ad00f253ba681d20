"""Read a YAML file as plain mappings, lists and values."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lenet.errors import LabError, in_one_line


def has_conflicts(text: str) -> bool:
    """Return whether a text has the conflict markers of a git merge."""
    return "\n<<<<<<< " in f"\n{text}"


def read_yaml(path: Path, hint: str) -> Any:
    """Return the content of a YAML file; raise LabError if the file is missing or invalid, or has a key twice.

    hint: what to do if the file is missing or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if has_conflicts(text):
            raise LabError(f"{path} has merge conflicts: keep one version of each and delete the conflict markers")
        return YAML(typ="safe", pure=True).load(text)
    except FileNotFoundError:
        raise LabError(f"{path} is missing in {Path.cwd()}: {hint}") from None
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}): {hint}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise LabError(f"{path}, line {line}: not UTF-8: save the file in UTF-8") from None
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        raise LabError(f"{path}, line {line}: this key is given twice in one mapping: keep one of them") from None
    except MarkedYAMLError as error:
        lines = [str(mark.line + 1) for mark in (error.context_mark, error.problem_mark) if mark]
        what = " ".join(text for text in (error.context, error.problem) if text)
        raise LabError(
            f"{path}, line {' to '.join(dict.fromkeys(lines))}: not valid YAML ({what}): correct it"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise LabError(f"{path} is not valid YAML: {in_one_line(error)}") from None
