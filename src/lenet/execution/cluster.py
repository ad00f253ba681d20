"""The connection to an existing Dask cluster. DASK_SCHEDULER_ADDRESS is the address of the cluster's scheduler.

Each run is a Dask task. Dask gives each task to a Dask worker. If this Dask worker is lost, Dask gives the task to
another Dask worker. TLS and timeouts are set in Dask's own configuration files or environment variables.
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
# At most this many calls are unfinished. Some of them wait for a Dask worker, so that a cluster may grow. Not all runs
# are submitted at once, because each holds a lock, which is an open file.
CALLS_AT_A_TIME = 256
_POLL_INTERVAL_S = 1
# The function is sent by its name. A Dask worker that receives a function itself, and does not have its module, ends
# without telling the driver why.
_CALL = "resolve_name('lenet.execution.on_cluster:call')(*arguments)"
_RUN_AGAIN = "then run the same command again; finished runs are kept"


def address() -> str | None:
    """Return the scheduler's address from the environment. None means that runs train on this machine."""
    return os.environ.get(ADDRESS) or None


class Connection:
    """A connection to a Dask scheduler, for a `with` statement. The end of the block cancels all unfinished calls.

    Raises LabError if the scheduler does not answer.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._worker_timeout_s, self._client = _connect(scheduler)
        from lenet.execution import on_cluster  # here, because it imports distributed, which may not be installed

        self._expected_fingerprint = on_cluster.bits_fingerprint()
        self._worker_last_seen = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=_POLL_INTERVAL_S)

    def share(self, value: object) -> "Future":
        """Send a value to the cluster once, for all calls that use it. Pass the returned future to `submit`."""
        import dask

        # The value is the result of a task: Dask workers fetch it from one another, and Dask runs the task again if all
        # workers that had the value are lost.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            return self._client.submit(bytes, pickle.dumps(value), pure=False)

    def submit(self, position: int, function: Callable[..., Any], shared: "Future", *arguments: Any) -> "Future":
        """Call `function(shared value, *arguments, emit)` in a process on a Dask worker. Emitted events are dropped.

        position: the run's place in the order in which runs should begin. A lower position means a higher priority.
        shared: what `share` returned for the value.
        """
        call_arguments = [self._expected_fingerprint, pickle.dumps((function, arguments)), shared]
        namespace = {"resolve_name": resolve_name, "arguments": call_arguments}
        return self._client.submit(eval, _CALL, namespace, priority=-position, pure=False)

    def finished_calls(self, calls: "Collection[Future]") -> "list[Future]":
        """Wait up to a second for calls to finish; return the finished calls, failed calls last.

        Raises LabError if the scheduler was lost, or if the cluster has had no Dask worker for too long.
        """
        from distributed import wait

        if not calls:
            time.sleep(_POLL_INTERVAL_S)
            return []
        try:
            finished = wait(list(calls), timeout=_POLL_INTERVAL_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            finished = set()
        except CancelledError:
            raise self._lost_error() from None
        if finished or self._client.scheduler_info(n_workers=1)["workers"]:
            self._worker_last_seen = time.monotonic()
        elif (waited_s := time.monotonic() - self._worker_last_seen) > self._worker_timeout_s:
            raise LabError(
                f"the Dask cluster at {self._scheduler} has had no Dask worker for {waited_s:.0f} s: start some "
                f"(docs/scaling.md), {_RUN_AGAIN}"
            )
        return sorted(finished, key=lambda call: call.status == "error")

    def result(self, call: "Future") -> CallResult:
        """Return what the called function returned, or raise its exception.

        Raises LabError if the call could not be made.
        """
        from distributed import KilledWorker

        try:
            return call.result()
        except CancelledError:
            raise self._lost_error() from None
        except KilledWorker as error:
            raise LabError(
                f"{error.allowed_failures + 1} Dask workers of the cluster at {self._scheduler} were lost one after "
                f"the other with the same run, most likely because memory ran out: give each more memory, {_RUN_AGAIN}"
            ) from None
        except ModuleNotFoundError as error:
            raise LabError(
                f"a Dask worker of the cluster at {self._scheduler} has {in_one_line(error).lower()}: set up this "
                f"checkout on it (docs/scaling.md), {_RUN_AGAIN}"
            ) from None

    def _lost_error(self) -> LabError:
        return LabError(f"the Dask scheduler at {self._scheduler} was lost: start it, {_RUN_AGAIN}")


def _connect(scheduler: str) -> "tuple[float, Client]":
    """Connect to a scheduler. Return how many seconds to wait for a Dask worker, and the client.

    The number of seconds is a setting in Dask's configuration. Raises LabError if this setting is not valid, if the
    package distributed is not installed, or if no scheduler answers.
    """
    try:
        import dask

        # Silence Dask's messages about a lost connection: this module reports it in one line.
        with dask.config.set({"logging": {"distributed": "critical", "distributed.client": "critical"}}):
            from distributed import Client, Security
    except ImportError:
        raise LabError(
            f"{ADDRESS} is set, but the package distributed is not installed: run `make setup`, or "
            "unset the variable to train on this machine"
        ) from None
    configured_timeout = dask.config.get("lenet.workers-timeout", "5 minutes")
    try:
        timeout_s = float(dask.utils.parse_timedelta(configured_timeout))
    except (KeyError, TypeError, ValueError):
        raise LabError(
            f"Dask's setting lenet.workers-timeout (DASK_LENET__WORKERS_TIMEOUT) is {configured_timeout}: expected a "
            'time, such as "1 hour"'
        ) from None
    try:
        security = Security()  # from Dask's configuration
        if scheduler.startswith("tls://") and security.get_connection_args("client")["ssl_context"] is None:
            raise ValueError("no certificates: set distributed.comm.tls in Dask's configuration")
        return timeout_s, Client(scheduler, security=security, name="lenet")
    except (OSError, ValueError) as error:
        raise LabError(
            f"cannot connect to the Dask scheduler at {ADDRESS}={scheduler} ({in_one_line(error)}): correct that, or "
            "unset the variable to train on this machine"
        ) from None
