"""Mistakes that a person can fix, each told in one line."""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

# Errors of the operating system whose reason lies outside the project → what to do.
FIXABLE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space"),
    errno.ENOENT: "see that it is there",
    errno.EFBIG: "raise the limit on file sizes",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "correct the permissions"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST, errno.EISDIR), "move what is in the way"),
}


class LabError(Exception):
    """A message for the user: what is wrong, where, what was expected, and what to do."""


class DataUnreachableError(LabError):
    """The data set could not be downloaded from any source. Nothing is wrong with the project or its settings."""


def in_one_line(text: object) -> str:
    """Return a text with blanks in place of what could start a new line."""
    return " ".join(str(text).split())


def shortened(text: str, length: int) -> str:
    """Return a text, cut where it is longer than `length`."""
    return text if len(text) <= length else f"{text[:length]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known name closest to `name`, or all known names if none is close."""
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
