"""Errors that the user can fix, and functions that help to word error messages."""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

# Errors of the operating system that the user can fix → what to do.
FIXABLE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space"),
    errno.ENOENT: "check that it exists",
    errno.EFBIG: "raise the limit on file sizes",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "correct the permissions"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST, errno.EISDIR), "move what is in the way"),
}


class LabError(Exception):
    """An error that the user can fix. The message says what is wrong, where, what was expected, and what to do."""


class DataUnreachableError(LabError):
    """The data set could not be downloaded from any source. Nothing is wrong with the project or its settings."""


def in_one_line(text: object) -> str:
    """Return a text as one line: each sequence of whitespace becomes one space, and both ends are stripped."""
    return " ".join(str(text).split())


def shortened(text: str, length: int) -> str:
    """Cut a text after `length` characters and add an ellipsis. If the text is not longer, return it unchanged."""
    return text if len(text) <= length else f"{text[:length]}…"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as in "1 run" or "2 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def did_you_mean(name: str, known_names: Iterable[str]) -> str:
    """Return a hint with the known name that is closest to `name`, or with all known names if none is close."""
    known_names = list(known_names)
    close = get_close_matches(name, known_names, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of: {', '.join(known_names)}"
