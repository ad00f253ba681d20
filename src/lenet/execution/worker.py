"""The program of a worker process: call functions, one at a time, for the driver that started the process.

Each request on standard input is a pickled pair `(function, arguments)`. The replies on standard output are pickled
pairs: ("event", value) for each value that the function emits, then ("done", CallResult) or ("failed", the error). The
process ends when its standard input is closed, so no worker outlives its driver.
"""

import os
import pickle
import re
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Any, BinaryIO

from lenet.errors import FIXABLE
from lenet.runs.provenance import machine_tags, now_ms


@dataclass(frozen=True)
class CallResult:
    """What a call returned, when it started (ms since 1970), how long it took, and the worker's peak memory so far.

    machine_tags: `provenance.machine_tags` on the machine where the call ran.
    """

    result: Any
    started_ms: int
    duration_s: float
    peak_memory_mib: float
    machine_tags: Mapping[str, str]


def main() -> None:
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # From here on, what functions print goes to standard error, not between the replies.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr
    _silence_hdf5()
    requests: SimpleQueue = SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), name="requests", daemon=True).start()
    while True:
        function, arguments = requests.get()
        _answer(function, arguments, replies)


def _silence_hdf5() -> None:
    """Suppress the tracebacks that HDF5 prints when it closes a file after a failed write.

    These tracebacks are superfluous, because the failed write itself has already raised an error.
    """

    def is_failed_write(error: BaseException | None) -> bool:
        number = re.search(r"errno = (\d+)", str(error))
        return isinstance(error, RuntimeError) and number is not None and int(number[1]) in FIXABLE

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if not is_failed_write(args.exc_value):
            sys.__unraisablehook__(args)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not is_failed_write(error):
            sys.__excepthook__(kind, error, trace)

    sys.unraisablehook, sys.excepthook = unraisable, uncaught


def _receive(stream: BinaryIO, requests: SimpleQueue) -> None:
    try:
        while True:
            requests.put(pickle.load(stream))
    except (EOFError, pickle.UnpicklingError):  # the driver has ended, perhaps in the middle of a request
        os._exit(0)


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...], replies: BinaryIO) -> None:
    def reply(kind: str, value: object) -> None:
        replies.write(pickle.dumps((kind, value)))
        replies.flush()

    started_ms, started = now_ms(), time.monotonic()
    try:
        result = function(*arguments, lambda event: reply("event", event))
        duration_s = time.monotonic() - started
        reply("done", CallResult(result, started_ms, duration_s, _peak_memory_mib(), machine_tags()))
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))  # pickling drops this process's traceback
        reply("failed", error)


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
