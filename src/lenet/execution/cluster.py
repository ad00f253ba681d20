"""An existing Dask cluster, whose scheduler DASK_SCHEDULER_ADDRESS names. A run is a plain Dask task.

Dask gives each task to a worker, and repeats the tasks of a lost worker elsewhere. TLS and timeouts are settings of
Dask, in its own files or variables.
"""

import os
import pickle
import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError
from contextlib import suppress
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Self

from lenet.errors import LabError, in_one_line
from lenet.execution.worker import CallResult

if TYPE_CHECKING:  # an optional package
    from distributed import Client, Future

ADDRESS = "DASK_SCHEDULER_ADDRESS"
# Calls to submit at a time: some wait, so that a cluster may grow. Not all, because each run's lock is an open file.
CALLS_AT_A_TIME = 256
_LOOK_AGAIN_S = 1
# By name: a Dask worker that is sent a function of a module that it lacks ends without a word to the driver.
_CALL = "resolve_name('lenet.execution.on_cluster:call')(*arguments)"
_AGAIN = "then run the same command again; finished runs are kept"


def address() -> str | None:
    """Return the address of the scheduler that the user named, if any."""
    return os.environ.get(ADDRESS) or None


class Cluster:
    """A connection to a scheduler, for a `with` statement; the end of the block cancels all calls.

    Raises LabError where the scheduler does not answer.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._timeout_s, self._client = _connected(scheduler)
        from lenet.execution import on_cluster  # imports distributed, which may not be there

        self._expected = on_cluster.what_decides_bits()
        self._worker_seen = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=_LOOK_AGAIN_S)

    def share(self, value: object) -> "Future":
        """Send a value to the cluster once; pass what this returns to `submit`."""
        import dask

        # As a task's result: Dask workers fetch it from one another, and it is made again if all are lost.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            return self._client.submit(bytes, pickle.dumps(value), pure=False)

    def submit(self, place: int, work: Callable[..., Any], shared: "Future", *arguments: Any) -> "Future":
        """Call `work(shared value, *arguments, emit)` in a process on a Dask worker; what it emits goes nowhere.

        place: in the order in which calls begin.
        """
        arguments_there = [self._expected, pickle.dumps((work, arguments)), shared]
        names = {"resolve_name": resolve_name, "arguments": arguments_there}
        return self._client.submit(eval, _CALL, names, priority=-place, pure=False)

    def finished(self, calls: "Collection[Future]") -> "list[Future]":
        """Wait a moment for calls to finish; return those that have finished, the failed ones last.

        Raises LabError where the scheduler was lost, and where there has been no Dask worker for too long.
        """
        from distributed import wait

        if not calls:
            time.sleep(_LOOK_AGAIN_S)
            return []
        try:
            finished = wait(list(calls), timeout=_LOOK_AGAIN_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            finished = set()
        except CancelledError:
            raise self._lost() from None
        if finished or self._client.scheduler_info(n_workers=1)["workers"]:
            self._worker_seen = time.monotonic()
        elif (waited_s := time.monotonic() - self._worker_seen) > self._timeout_s:
            raise LabError(
                f"the Dask cluster at {self._scheduler} has had no worker for {waited_s:.0f} s: start some "
                f"(docs/scaling.md), {_AGAIN}"
            )
        return sorted(finished, key=lambda call: call.status == "error")

    def result(self, call: "Future") -> CallResult:
        """Return what a finished call returned, or raise what it raised, or LabError where it could not be made."""
        from distributed import KilledWorker

        try:
            return call.result()
        except CancelledError:
            raise self._lost() from None
        except KilledWorker as error:
            raise LabError(
                f"{error.allowed_failures + 1} workers of the Dask cluster at {self._scheduler} were lost one after "
                f"the other with the same run, most likely for lack of memory: give each more, {_AGAIN}"
            ) from None
        except ModuleNotFoundError as error:
            raise LabError(
                f"a worker of the Dask cluster at {self._scheduler} has {in_one_line(error).lower()}: set up this "
                f"checkout on it (docs/scaling.md), {_AGAIN}"
            ) from None

    def _lost(self) -> LabError:
        return LabError(f"the Dask scheduler at {self._scheduler} was lost: start it, {_AGAIN}")


def _connected(scheduler: str) -> "tuple[float, Client]":
    """Return how many seconds to wait for a Dask worker, as Dask is configured, and a client."""
    try:
        import dask

        # What it would say of a lost connection, this module says in one line.
        with dask.config.set({"logging": {"distributed": "critical", "distributed.client": "critical"}}):
            from distributed import Client, Security
    except ImportError:
        raise LabError(
            f"{ADDRESS} is set, but the package distributed is not installed: run `make setup`, or "
            "unset the variable to train on this machine"
        ) from None
    configured = dask.config.get("lenet.workers-timeout", "5 minutes")
    try:
        timeout_s = float(dask.utils.parse_timedelta(configured))
    except (KeyError, TypeError, ValueError):
        raise LabError(
            f'DASK_LENET__WORKERS_TIMEOUT={configured}: expected how long to wait for a worker, such as "1 hour"'
        ) from None
    try:
        security = Security()  # as Dask is configured
        if scheduler.startswith("tls://") and security.get_connection_args("client")["ssl_context"] is None:
            raise ValueError("no certificates: set distributed.comm.tls in Dask's configuration")
        return timeout_s, Client(scheduler, security=security, name="lenet")
    except (OSError, ValueError) as error:
        raise LabError(
            f"no Dask scheduler answers at {ADDRESS}={scheduler} ({in_one_line(error)}): correct the address, or unset "
            "the variable to train on this machine"
        ) from None
