"""The code that a Dask worker runs: compare the worker's code and libraries with the driver's, then call a function.

The driver is the process that submits the call. The function runs in a new process, which ends with the call. It does
not run in the Dask worker itself: there, environment variables, threads or earlier calls might change the results.
"""

import pickle
import platform
from collections.abc import Mapping
from typing import Any

from distributed import get_worker

from lenet.errors import LabError
from lenet.execution.pool import WorkerProcess
from lenet.execution.worker import CallResult
from lenet.runs import code
from lenet.runs.identity import library_versions
from lenet.settings import ENGINES


class AbandonedError(Exception):
    """The driver no longer waits for this call, or has ended."""


def bits_fingerprint() -> dict[str, str]:
    """Return the values that a run's bits depend on, as name → value.

    The values are the kind of processor, the versions of the libraries, and the digests of the source files. If they
    are equal on the driver and on a Dask worker, a run has the same results on both, bit for bit.
    """
    code_digests = {file: digest for optimizer in ENGINES for file, digest in code.file_digests(optimizer).items()}
    return {"processor": platform.machine(), **library_versions(), **code_digests}


def call(expected: Mapping[str, str], request: bytes, shared: bytes) -> CallResult:
    """Call `function(shared value, *arguments, emit)` in a process on this Dask worker. Emitted events are dropped.

    expected: the driver's `bits_fingerprint`. request: `(function, arguments)`, pickled. shared: the shared value,
    pickled. `request` and `shared` are unpickled only after the fingerprints have been compared, because a Dask worker
    with different code might be unable to unpickle them.
    An exception of the function is raised here. Raises LabError if the fingerprints differ. If the driver no longer
    waits, raises AbandonedError when the function emits its next event.
    """
    dask_worker = get_worker()
    if differences := _differences(expected, bits_fingerprint()):
        raise LabError(
            f"the Dask worker {dask_worker.address} differs from this machine ({differences}), so its runs might have "
            "other bits: give it the same code and libraries, on the same kind of processor (docs/scaling.md), then "
            "run the same command again; finished runs are kept"
        )
    task_key = dask_worker.get_current_task()

    def emit(event: Any) -> None:
        task = dask_worker.state.tasks.get(task_key)
        if task is None or task.state == "cancelled":
            raise AbandonedError(task_key)

    (function, arguments), shared_value = [pickle.loads(part) for part in (request, shared)]
    worker = WorkerProcess()
    try:
        return worker.call(function, shared_value, *arguments, emit=emit)
    finally:
        worker.kill()


def _differences(expected: Mapping[str, str], actual: Mapping[str, str]) -> str:
    """Describe the differences between two fingerprints in one line.

    A version is described by its two values, a source file only by its name.
    """
    names = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    files = [name for name in names if name.endswith(".py")]
    differences = [f"{name} {actual.get(name)} instead of {expected.get(name)}" for name in names if name not in files]
    return "; ".join(differences + ([f"other code in {', '.join(files)}"] if files else []))
