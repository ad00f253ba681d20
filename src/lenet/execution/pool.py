"""Where runs execute: worker processes of this machine, one run and one thread each.

Workers live for the whole stage and are reused from run to run. What they have to say meanwhile comes back to the
driver as events; the driver alone draws, logs and writes. No worker outlives its driver.
"""

import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Queue
from typing import Any, Generic, Literal, TypeVar

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from lenet.errors import LabError
from lenet.execution.provenance import now_ms

Emit = Callable[[Any], None]
Task = TypeVar("Task")
Result = TypeVar("Result")

_WATCH_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Finished(Generic[Task, Result]):
    """A task's result, its start (ms since 1970), its duration, and the peak memory of its worker so far."""

    task: Task
    result: Result
    started_ms: int
    duration_s: float
    peak_memory_mib: float


def worker_count(workers: int | Literal["auto"], tasks: int) -> int:
    """Return how many workers to start: at most one per task. "auto" means the cores that this process may use."""
    return min(joblib.cpu_count() if workers == "auto" else workers, tasks)


def run_side_by_side(
    work: Callable[..., Result], tasks: Sequence[Task], shared: Sequence[Any], workers: int, on_event: Emit
) -> Iterator[Finished[Task, Result]]:
    """Yield each task's result as it comes from `work(task, *shared, emit)`.

    What `work` passes to `emit` in its worker reaches `on_event` in the driver, on a thread of its own. Large arrays
    in `shared` lie in memory once, mapped by all workers. An error in a worker is raised here. Whatever ends the
    iteration, the workers end with it.
    """
    # Not joblib.Parallel, which runs the work in the driver if one worker is enough.
    executor = get_reusable_executor(workers, timeout=None, initializer=end_with_parent)
    try:
        with _events(on_event) as queue, tempfile.TemporaryDirectory(prefix="lenet-") as folder:
            path = Path(folder) / "shared"
            joblib.dump(shared, path)
            futures = [executor.submit(_in_worker, work, task, path, queue) for task in tasks]
            for future in as_completed(futures):
                yield future.result()
    except TerminatedWorkerError:
        raise LabError(
            "a worker process was killed, most likely for lack of memory: lower compute.workers in params.yaml"
        ) from None
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def end_with_parent() -> None:
    """Make this process ignore Ctrl-C, which the driver handles, and end soon after the driver ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_INTERVAL_S)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _in_worker(work: Callable[..., Result], task: Task, shared: Path, queue: Queue) -> Finished[Task, Result]:
    started_ms, started = now_ms(), time.monotonic()
    result = work(task, *joblib.load(shared, mmap_mode="r"), queue.put)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    in_mib = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
    return Finished(task, result, started_ms, time.monotonic() - started, in_mib)


@contextmanager
def _events(on_event: Emit) -> Iterator[Queue]:
    """Yield a queue for the workers. When the block ends, `on_event` has handled everything that was put into it."""
    manager = SyncManager(ctx=get_context("spawn"))
    manager.start(initializer=end_with_parent)
    with manager:
        queue = manager.Queue()
        pump = threading.Thread(target=_pump, args=(queue, on_event), name="events", daemon=True)
        pump.start()
        try:
            yield queue
        finally:
            queue.put(None)
            pump.join()


def _pump(queue: Queue, on_event: Emit) -> None:
    while (event := queue.get()) is not None:
        on_event(event)
