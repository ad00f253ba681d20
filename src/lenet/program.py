"""Run the `main` function of each program of this project.

Errors that the user can fix, and interruptions, are reported without a traceback.
"""

import os
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

from lenet.errors import FIXABLE, LabError

# git sets these variables for its hooks. If a hook starts one of the programs, they would make the program's own git
# commands work on the hook's repository and index.
_GIT_HOOK_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"),
)


class Terminated(KeyboardInterrupt):
    """Raised when SIGTERM or SIGHUP arrives, so that the signal ends a command as Ctrl-C does.

    A terminal sends SIGHUP when it is closed.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def run(main: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a program's `main`. After an error that the user can fix, print a message and exit with status 1.

    After Ctrl-C, let `main` clean up, print the text `interrupted` and exit with status 130. SIGTERM and SIGHUP have
    the same effect, but the exit status is 128 + the signal's number. Characters that the output's encoding lacks are
    printed as question marks.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP, and so do we then
            signal.signal(number, _terminate)
    for name in _GIT_HOOK_VARIABLES:
        os.environ.pop(name, None)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # nobody has replaced them yet
    try:
        main()
    except LabError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in FIXABLE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        # Not the error's own text: that of HDF5 is five lines long.
        sys.exit(f"error: {where}{os.strerror(error.errno)}: {FIXABLE[error.errno]}, then run the command again")
    except KeyboardInterrupt as interrupt:
        # Not sys.exit: it would wait for threads that still run.
        with suppress(OSError):  # the terminal is closed
            print(interrupted, file=sys.stderr, flush=True)
        os._exit(interrupt.status if isinstance(interrupt, Terminated) else 130)


def _terminate(number: int, frame: object) -> None:
    for further_signal in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(further_signal, signal.SIG_IGN)  # a second signal must not interrupt the cleaning up
    if number == signal.SIGHUP:
        _discard_terminal_output()
    raise Terminated(number)


def _discard_terminal_output() -> None:
    """If stdout or stderr is a terminal, redirect it to /dev/null: writing to a closed terminal is an error."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(devnull, descriptor)
