"""Worker processes on this machine. Each worker runs one call at a time, on one thread.

A worker starts with a clean environment, so that the environment variables of the driver (the process that starts the
workers) cannot change results. A worker is reused for many calls, so that it imports TensorFlow only once. Only the
driver shows progress, writes files and publishes.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Literal, Self, TypeVar, cast

import joblib

from lenet.errors import LabError
from lenet.execution.worker import CallResult
from lenet.network import determinism

Emit = Callable[[Any], None]
Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerProcess:
    """A worker process. It can import this package, and modules from the folder `extra_modules`."""

    def __init__(self, extra_modules: Path | None = None) -> None:
        folders = [Path(__file__).parents[2], *([extra_modules] if extra_modules else [])]
        # The worker's own working folder: it has no .numba_config.yaml, and it is deleted with the worker.
        self._folder = tempfile.TemporaryDirectory(prefix="lenet-")
        with _signals_blocked():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-c", "from lenet.execution import worker; worker.main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=determinism.training_environment()
                | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "TMPDIR": self._folder.name},
                cwd=self._folder.name,
            )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        self.is_running = True

    def call(self, function: Callable[..., Any], *arguments: Any, emit: Emit) -> CallResult:
        """Call `function(*arguments, emit)` in the worker. Emitted events are passed to `emit`, on the calling thread.

        Raises what the function raises, and LabError if the worker was killed.
        """
        self._send((function, arguments))
        while True:
            kind, value = self._receive()
            if kind == "done":
                return value
            if kind == "failed":
                raise value
            emit(value)

    def kill(self) -> None:
        """End the process at once. If a call is in progress, that call raises LabError."""
        self.is_running = False
        self._process.kill()
        self._process.wait()
        self._replies.close()
        with suppress(BrokenPipeError):
            self._requests.close()
        self._folder.cleanup()

    def _send(self, request: object) -> None:
        with _death_as_lab_error():
            pickle.dump(request, self._requests)
            self._requests.flush()

    def _receive(self) -> tuple[str, Any]:
        with _death_as_lab_error():
            return pickle.load(self._replies)


@contextmanager
def _death_as_lab_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, BrokenPipeError, pickle.UnpicklingError, ValueError):  # ValueError: `kill` closed the pipe
        raise LabError(
            "a worker process was killed, most likely because memory ran out: set compute.workers in params.yaml to a "
            "smaller number (on a Dask cluster, give each Dask worker more memory), then run the same command again"
        ) from None


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT, SIGTERM and SIGHUP in the `with` block.

    Processes that start in the block do not receive these signals either, because the driver decides when they end.
    """
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)


class ProcessPool:
    """Worker processes on this machine. They start when they are needed, and end with the `with` block.

    max_workers: "auto" means the number of cores that this process may use. warm_up: called as `warm_up(emit)` in each
    worker as soon as the worker is started, before its first task. `start` does not wait for `warm_up`, and errors of
    `warm_up` are ignored. extra_modules: as for WorkerProcess.
    """

    def __init__(
        self,
        max_workers: int | Literal["auto"],
        warm_up: Callable[[Emit], None] | None = None,
        extra_modules: Path | None = None,
    ) -> None:
        self.max_workers = joblib.cpu_count() if max_workers == "auto" else max_workers
        self._warm_up, self._extra_modules = warm_up, extra_modules
        self._workers: list[WorkerProcess] = []
        self._idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        self._threads = ThreadPoolExecutor(self.max_workers, thread_name_prefix="worker")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(wait=True)

    def start(self, task_count: int) -> None:
        """Start workers until there is one worker per task. The pool has at most `max_workers` workers."""
        while len(self._workers) < min(self.max_workers, task_count):
            self._workers.append(WorkerProcess(self._extra_modules))
            self._threads.submit(self._warm_up_worker, self._workers[-1])

    def map(
        self, function: Callable[[WorkerProcess, Task], Result], tasks: Sequence[Task]
    ) -> Generator[Result, None, None]:
        """Call `function(worker, task)` for each task; yield the results in the order in which the tasks finish.

        Tasks begin in the order of `tasks`. The function runs on a thread of this process. While it runs, no other task
        uses its worker. If the function raises an exception, `map` raises it too.
        """
        self.start(len(tasks))
        for future in as_completed([self._threads.submit(self._call_idle_worker, function, task) for task in tasks]):
            yield future.result()

    def _warm_up_worker(self, worker: WorkerProcess) -> None:
        if self._warm_up:
            with suppress(Exception):  # the worker's next task fails for the same reason
                worker.call(self._warm_up, emit=lambda event: None)
        self._idle.put(worker)

    def _call_idle_worker(self, function: Callable[[WorkerProcess, Task], Result], task: Task) -> Result:
        worker = self._idle.get()
        try:
            return function(worker, task)
        finally:
            self._idle.put(worker)
