"""How each of the project's programs runs its `main`: what it starts from, and how its end is reported."""

import os
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

from lenet.errors import FIXABLE, LabError

# By these git tells its hooks which repository and index it works on. A git of ours would write into them.
_GITS_OWN = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"),
)


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP, which a terminal sends when it is closed: it ends a command as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def run(main: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a program's `main` and end the process: status 0, 1 (a reported error) or 130 (Ctrl-C, said as given).

    SIGTERM and SIGHUP are treated as Ctrl-C, but for their own status: what `main` holds is released. Characters that
    the output's encoding lacks are printed as question marks.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _terminate)
    for name in _GITS_OWN:
        os.environ.pop(name, None)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # nothing else takes their place so early
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
