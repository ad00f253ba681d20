"""Workers of an existing Dask cluster, whose scheduler DASK_SCHEDULER_ADDRESS names.

Calls are sent to the scheduler, which finds workers for them, and calls again elsewhere what a lost worker was doing.
The driver alone draws, logs and writes. TLS and timeouts are settings of Dask, in its own files or variables.
"""

import itertools
import os
import pickle
import platform
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar

from lenet.errors import LabError, in_one_line
from lenet.execution.worker import Measured

if TYPE_CHECKING:  # an optional package
    import distributed

    from lenet.execution.on_cluster import Refused

Task = TypeVar("Task")
Result = TypeVar("Result")
Emit = Callable[[Any], None]

ADDRESS = "DASK_SCHEDULER_ADDRESS"
# Calls that the scheduler is given at a time, so that a cluster may grow by what waits. A thread waits for each.
_CALLS_AT_A_TIME = 256
# An argument that takes so much (bytes) is sent to each worker once, and not with each call.
_LARGE = 2**20
_LOOK_AGAIN_S = 1


def address() -> str | None:
    """Return the address of the scheduler that the user named, if any."""
    return os.environ.get(ADDRESS) or None


def run_side_by_side(
    do: Callable[["PlaceInQueue", Task], Result], tasks: Sequence[Task], scheduler: str
) -> Iterator[Result]:
    """Yield what `do(its place in the queue, task)` returns, task by task as they finish; the first tasks go first.

    `do` runs on a thread of this process. An error in it is raised here. Whatever ends the iteration, what was sent is
    cancelled. Raises LabError where there is no scheduler, or no worker for too long.
    """
    cluster = Cluster(scheduler)
    threads = ThreadPoolExecutor(min(len(tasks), _CALLS_AT_A_TIME), thread_name_prefix="call")
    finished: SimpleQueue[Future[Result]] = SimpleQueue()
    try:
        for place, task in enumerate(tasks):
            threads.submit(do, PlaceInQueue(cluster, place), task).add_done_callback(finished.put)
        for _ in tasks:
            yield _next(finished, cluster).result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        cluster.close()
        threads.shutdown(wait=True)


def _next(finished: "SimpleQueue[Future[Result]]", cluster: "Cluster") -> "Future[Result]":
    while True:
        try:
            return finished.get(timeout=_LOOK_AGAIN_S)
        except Empty:
            cluster.look_after_workers()


@dataclass(frozen=True)
class PlaceInQueue:
    """A place in the queue for the workers of a cluster: of calls that wait, those in front are served first."""

    cluster: "Cluster"
    place: int

    @property
    def is_running(self) -> bool:
        return self.cluster.is_running

    def run(self, work: Callable[..., Any], *arguments: Any, emit: Emit) -> Measured:
        """Call `work(*arguments, emit)` on a worker, as `Cluster.run` does; what it emits stays there."""
        return self.cluster.run(self.place, work, *arguments)


@dataclass(frozen=True)
class _Call:
    """A call that the scheduler has; the only workers that it may go to, if not all."""

    future: "distributed.Future"
    only: Set[str]


class Cluster:
    """A connection to a scheduler. It calls functions of this package; several threads may use it."""

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._client = _connected(scheduler)
        from lenet.execution import on_cluster  # imports distributed, which may not be there

        self._on_cluster, self._expected = on_cluster, on_cluster.what_decides_bits()
        self._timeout_s = _workers_timeout_s()
        self._name = f"lenet-{uuid.uuid4()}"
        self._numbers = itertools.count()
        self._calls: dict[str, _Call] = {}  # by key
        self._sent: dict[int, tuple[object, distributed.Future]] = {}  # large arguments by id, and where they are
        self._probe: distributed.Future | None = None
        self._refused: set[str] = set()  # addresses of workers
        self._last_seen = time.monotonic()
        self._lock, self._sending = Lock(), Lock()
        self.is_running = True

    def run(self, place: int, work: Callable[..., Any], *arguments: Any) -> Measured:
        """Call `work(*arguments, emit)` on a worker.

        place: in the queue; calls with lower ones are served first. Raises what `work` raises, and LabError where the
        call cannot be done.
        """
        while True:
            try:
                with _as_lab_errors(self._scheduler):
                    result = self._call(place, [work, *arguments])
            except (CancelledError, TimeoutError):
                self._assert_is_connected()
                continue  # the arguments were lost with the last worker that had them, or found none
            self._last_seen = time.monotonic()
            if isinstance(result, Measured):
                return result
            self._refuse(result)

    def look_after_workers(self) -> None:
        """Cancel calls whose workers have all left; raise LabError if for too long no worker could be used."""
        usable = self._workers() - self._refused
        with self._lock:
            stuck = [call.future for call in self._calls.values() if call.only and call.only.isdisjoint(usable)]
        if stuck:
            self._client.cancel(stuck, force=True)  # their threads send them again
        if usable:
            self._last_seen = time.monotonic()
        elif (waited_s := time.monotonic() - self._last_seen) > self._timeout_s:
            but = f" but {', '.join(sorted(self._refused))}, refused above," if self._refused else ""
            raise LabError(
                f"the Dask cluster at {self._scheduler} has had no worker{but} for {waited_s:.0f} s: start some "
                "(docs/scaling.md), then run the same command again"
            )

    def close(self) -> None:
        """Cancel what was sent. A call that is waited for raises LabError."""
        with self._lock:
            self.is_running = False
            calls = list(self._calls.values())
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel([*filter(None, [self._probe]), *(call.future for call in calls)], force=True)
            self._client.close(timeout=_LOOK_AGAIN_S)

    def _call(self, place: int, parts: Sequence[Any]) -> "Measured | Refused":
        self._wait_for_a_worker()
        key, future = self._submit(place, [self._part(each) for each in parts])
        try:
            done = Event()
            future.add_done_callback(lambda _: done.set())
            while not done.wait(_LOOK_AGAIN_S):
                self._assert_is_connected()
            self._assert_is_connected()
            return future.result()
        finally:
            with self._lock:
                del self._calls[key]

    def _wait_for_a_worker(self) -> None:
        """Wait until there is a worker, to which data can be sent; a cluster may start its first one when asked."""
        with self._lock:
            self._assert_is_connected()
            if self._probe is None or self._probe.cancelled():
                self._probe = self._client.submit(platform.node, pure=False)
            probe = self._probe
        probe.result()
        while self._refused and (there := self._workers()) and there <= self._refused:
            self._assert_is_connected()
            time.sleep(_LOOK_AGAIN_S)

    def _submit(self, place: int, parts: Sequence[Any]) -> "tuple[str, distributed.Future]":
        with self._lock:
            self._assert_is_connected()
            only = self._workers() - self._refused if self._refused else set()
            key = f"{self._name}-{next(self._numbers)}"
            future = self._client.submit(
                *(self._on_cluster.call, self._expected, parts),
                key=key,
                pure=False,
                priority=-place,
                workers=sorted(only) or None,
            )
            self._calls[key] = _Call(future, only)
        return key, future

    def _part(self, argument: object) -> Any:
        """Return an argument, pickled; a large one is sent to all workers, once, and is where it is returned."""
        with self._sending:
            _, there = self._sent.get(id(argument), (None, None))
            if there is not None and there.status == "finished":
                return there
            pickled = pickle.dumps(argument)
            if len(pickled) < _LARGE:
                return pickled
            there = self._client.scatter(pickled, broadcast=True, hash=False)
            self._sent[id(argument)] = argument, there
            return there

    def _workers(self) -> set[str]:
        """Return the addresses of the cluster's workers."""
        return set(self._client.scheduler_info(n_workers=-1)["workers"])

    def _refuse(self, refused: "Refused") -> None:
        """Send nothing more to a worker that could not give the same bits."""
        if self._on_cluster.what_decides_bits() != self._expected:
            raise LabError(
                "the code was edited while runs were trained on a cluster: run the same command again; finished runs "
                "are kept"
            )
        with self._lock:
            if refused.address in self._refused:
                return
            self._refused.add(refused.address)
        print(f"warning: worker {refused.address} is not used: {refused.differences}", file=sys.stderr, flush=True)

    def _assert_is_connected(self) -> None:
        if not self.is_running or self._client.status != "running":
            raise LabError(
                f"the Dask scheduler at {self._scheduler} was lost: start it, then run the same command again; "
                "finished runs are kept"
            )


def _connected(scheduler: str) -> "distributed.Client":
    try:
        import dask.config

        # What it would say of a lost connection, this module says in one line.
        with dask.config.set({"logging": {"distributed": "critical", "distributed.client": "critical"}}):
            from distributed import Client, Security
    except ImportError:
        raise LabError(
            f"{ADDRESS} is set, but the package distributed is not installed: run `make setup`, or "
            "unset the variable to train on this machine"
        ) from None
    try:
        security = Security()  # as Dask is configured
        if scheduler.startswith("tls://") and security.get_connection_args("client")["ssl_context"] is None:
            raise ValueError("no certificates: set distributed.comm.tls in Dask's configuration")
        return Client(scheduler, security=security, name="lenet", set_as_default=False)
    except (OSError, ValueError) as error:
        raise LabError(
            f"no Dask scheduler answers at {ADDRESS}={scheduler} ({in_one_line(error)}): correct the address, or unset "
            "the variable to train on this machine"
        ) from None


def _workers_timeout_s() -> float:
    """Return how long a call waits where there is no worker: DASK_LENET__WORKERS_TIMEOUT, or in Dask's own files."""
    import dask

    told = dask.config.get("lenet.workers-timeout", "5 minutes")
    try:
        return float(dask.utils.parse_timedelta(told))
    except (KeyError, TypeError, ValueError):
        raise LabError(
            f'DASK_LENET__WORKERS_TIMEOUT={told}: expected how long to wait for a worker, such as "1 hour"'
        ) from None


@contextmanager
def _as_lab_errors(scheduler: str) -> Iterator[None]:
    """Raise errors that a person can correct as LabError."""
    from distributed.scheduler import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise LabError(
            f"{error.allowed_failures + 1} workers of the Dask cluster at {scheduler} were lost one after the other "
            "with the same run, most likely for lack of memory: give each more, then run the same command again; "
            "finished runs are kept"
        ) from None
    except ModuleNotFoundError as error:
        raise LabError(
            f"a worker of the Dask cluster at {scheduler} has {in_one_line(error).lower()}: set up this checkout on it "
            "(docs/scaling.md), then run the same command again; finished runs are kept"
        ) from None
    except RuntimeError as error:
        if "deserialization of the task graph" not in str(error):
            raise
        raise LabError(
            f"the Dask scheduler at {scheduler} does not know this project's code: set up this checkout where it runs "
            "(docs/scaling.md), start it anew, then run the same command again; finished runs are kept"
        ) from None
