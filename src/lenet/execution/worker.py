"""What a worker process runs: it calls functions for the driver that started it, one at a time.

Requests come pickled on standard input, `(work, arguments)`; what goes back on standard output is pickled too: a pair
("event", value) for everything that the work emits, then ("done", CallResult) or ("failed", the error). The process ends
when its input does, so that no worker outlives its driver.
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
    """What a call returned, its start (ms since 1970), its duration, and the peak memory of its worker so far.

    machine: the tags of where it ran.
    """

    result: Any
    started_ms: int
    duration_s: float
    peak_memory_mib: float
    machine: Mapping[str, str]


def main() -> None:
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # So that nothing that is printed gets between the replies.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr
    _hush_hdf5()
    requests: SimpleQueue = SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), name="requests", daemon=True).start()
    while True:
        work, arguments = requests.get()
        _answer(work, arguments, replies)


def _hush_hdf5() -> None:
    """Keep HDF5 from complaining again, with two tracebacks, when it closes a file that it could not write."""

    def is_known(error: BaseException | None) -> bool:
        number = re.search(r"errno = (\d+)", str(error))
        return isinstance(error, RuntimeError) and number is not None and int(number[1]) in FIXABLE

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if not is_known(args.exc_value):
            sys.__unraisablehook__(args)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not is_known(error):
            sys.__excepthook__(kind, error, trace)

    sys.unraisablehook, sys.excepthook = unraisable, uncaught


def _receive(stream: BinaryIO, requests: SimpleQueue) -> None:
    try:
        while True:
            requests.put(pickle.load(stream))
    except (EOFError, pickle.UnpicklingError):  # the driver has ended, perhaps while it sent a request
        os._exit(0)


def _answer(work: Callable[..., Any], arguments: tuple[Any, ...], replies: BinaryIO) -> None:
    def reply(kind: str, value: object) -> None:
        replies.write(pickle.dumps((kind, value)))
        replies.flush()

    started_ms, started = now_ms(), time.monotonic()
    try:
        result = work(*arguments, lambda event: reply("event", event))
        duration_s = time.monotonic() - started
        reply("done", CallResult(result, started_ms, duration_s, _peak_memory_mib(), machine_tags()))
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))  # of this process, which a pickle leaves out
        reply("failed", error)


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
