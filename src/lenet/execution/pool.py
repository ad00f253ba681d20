"""Worker processes of this machine, one call and one thread each.

They start with an environment of their own, so that nothing of the driver's decides bits, and are reused from call to
call: TensorFlow is imported once per worker. The driver alone draws, logs and writes.
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
    """A worker process. Its functions may come from this package, and from the folder of modules that is named."""

    def __init__(self, modules: Path | None = None) -> None:
        folders = [Path(__file__).parents[2], *([modules] if modules else [])]
        # A folder of its own to work in: there is no .numba_config.yaml in it, and what is left in it goes with it.
        self._folder = tempfile.TemporaryDirectory(prefix="lenet-")
        with _signals_held_off():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-c", "from lenet.execution import worker; worker.main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=determinism.environment()
                | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "TMPDIR": self._folder.name},
                cwd=self._folder.name,
            )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        self.is_running = True

    def call(self, work: Callable[..., Any], *arguments: Any, emit: Emit) -> CallResult:
        """Call `work(*arguments, emit)` in the worker; what it emits reaches `emit` here, on the calling thread.

        Raises what `work` raises, and LabError where the worker was killed.
        """
        self._send((work, arguments))
        while True:
            kind, value = self._receive()
            if kind == "done":
                return value
            if kind == "failed":
                raise value
            emit(value)

    def kill(self) -> None:
        """End the process at once, whatever it is doing; a call that waits for it raises LabError."""
        self.is_running = False
        self._process.kill()
        self._process.wait()
        self._replies.close()
        with suppress(BrokenPipeError):
            self._requests.close()
        self._folder.cleanup()

    def _send(self, request: object) -> None:
        with _killed_is_reported():
            pickle.dump(request, self._requests)
            self._requests.flush()

    def _receive(self) -> tuple[str, Any]:
        with _killed_is_reported():
            return pickle.load(self._replies)


@contextmanager
def _killed_is_reported() -> Iterator[None]:
    try:
        yield
    except (EOFError, BrokenPipeError, pickle.UnpicklingError, ValueError):  # the last where `kill` closed the pipe
        raise LabError(
            "a worker process was killed, most likely for lack of memory: lower compute.workers in params.yaml"
        ) from None


@contextmanager
def _signals_held_off() -> Iterator[None]:
    """Start processes that Ctrl-C, a closed terminal and SIGTERM do not reach: this one decides when they end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ProcessPool:
    """Worker processes of this machine. They start when they are needed, and end with the `with` block.

    most: how many at most; "auto" means the cores that this process may use. first: what each does at once, called
    with a function that emits; nobody waits for it. modules: as for WorkerProcess.
    """

    def __init__(
        self, most: int | Literal["auto"], first: Callable[[Emit], None] | None = None, modules: Path | None = None
    ) -> None:
        self._most = joblib.cpu_count() if most == "auto" else most
        self._first, self._modules = first, modules
        self._started: list[WorkerProcess] = []
        self._idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="worker")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._started:
            worker.kill()
        self._threads.shutdown(wait=True)

    def start(self, tasks: int) -> None:
        """Start the workers that so many tasks need, one per task at most, unless they run already."""
        while len(self._started) < min(self._most, tasks):
            self._started.append(WorkerProcess(self._modules))
            self._threads.submit(self._make_ready, self._started[-1])

    def map(self, do: Callable[[WorkerProcess, Task], Result], tasks: Sequence[Task]) -> Generator[Result, None, None]:
        """Yield what `do(worker, task)` returns, task by task as they finish; tasks are begun in their order.

        `do` runs on a thread of this process, and its worker is free for it. An error in it is raised here.
        """
        self.start(len(tasks))
        for future in as_completed([self._threads.submit(self._on_a_free_worker, do, task) for task in tasks]):
            yield future.result()

    def _make_ready(self, worker: WorkerProcess) -> None:
        if self._first:
            with suppress(Exception):  # the worker's next task fails for the same reason
                worker.call(self._first, emit=lambda event: None)
        self._idle.put(worker)

    def _on_a_free_worker(self, do: Callable[[WorkerProcess, Task], Result], task: Task) -> Result:
        worker = self._idle.get()
        try:
            return do(worker, task)
        finally:
            self._idle.put(worker)
