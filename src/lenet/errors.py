"""Mistakes that a person can fix, and how a command reports them: one line, an exit status, no traceback."""

import errno
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known name closest to `name`, or all known names if none is close."""
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP, which a terminal sends when it is closed: it ends a command as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def run(main: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a command's `main` and end the process: status 0, 1 (a reported error) or 130 (Ctrl-C, said as given).

    SIGTERM and SIGHUP are treated as Ctrl-C, but for their own status: what `main` holds is released.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _terminate)
    try:
        main()
    except LabError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in FIXABLE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        # Not its own text, which of HDF5 is five lines long.
        sys.exit(f"error: {where}{os.strerror(error.errno)}: {FIXABLE[error.errno]}, then run it again")
    except KeyboardInterrupt as interrupt:
        # Not sys.exit, which would wait for threads that still shut down.
        with suppress(OSError):  # a terminal that is gone
            print(interrupted, file=sys.stderr, flush=True)
        os._exit(interrupt.status if isinstance(interrupt, Terminated) else 130)


def _terminate(number: int, frame: object) -> None:
    for again in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)  # once is enough: what follows cleans up
    if number == signal.SIGHUP:
        _turn_away_from_the_terminal()
    raise Terminated(number)


def _turn_away_from_the_terminal() -> None:
    """Let what is still printed go nowhere: writing to a terminal that was closed is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if stat.S_ISCHR(os.fstat(stream).st_mode):
            os.dup2(nowhere, stream)
