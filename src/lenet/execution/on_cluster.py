"""What a Dask worker runs: it compares its code and libraries with the driver's, then calls a function in a process.

That process is new and ends with the call, because a Dask worker's environment, its threads and what ran in it before
could decide bits.
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
    """The driver does not wait for this call any more, or is gone."""


def what_decides_bits() -> dict[str, str]:
    """Return what must be equal where a run is wanted and where it is trained."""
    of_code = {file: digest for optimizer in ENGINES for file, digest in code.digests(optimizer).items()}
    return {"processor": platform.machine(), **library_versions(), **of_code}


def call(expected: Mapping[str, str], request: bytes, shared: bytes) -> CallResult:
    """Call `work(shared value, *arguments, emit)` here; what it emits goes nowhere.

    request: `(work, arguments)`, pickled. shared: the value, pickled. They are read after the code was compared, since
    other code might not be able to. Raises what `work` raises, LabError where this Dask worker is not as expected, and
    AbandonedError at the next event when the driver no longer waits.
    """
    dask_worker = get_worker()
    if differences := _differences(expected, what_decides_bits()):
        raise LabError(
            f"the Dask worker {dask_worker.address} differs from this command as it was at its start, and might give "
            f"other bits ({differences}): give it the same code and libraries (docs/scaling.md), then run the same "
            "command again; finished runs are kept"
        )
    key = dask_worker.get_current_task()

    def emit(event: Any) -> None:
        task = dask_worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise AbandonedError(key)

    (work, arguments), value = [pickle.loads(part) for part in (request, shared)]
    worker = WorkerProcess()
    try:
        return worker.call(work, value, *arguments, emit=emit)
    finally:
        worker.kill()


def _differences(expected: Mapping[str, str], actual: Mapping[str, str]) -> str:
    """Say what differs between two sides; of code only the names of files."""
    names = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    files = [name for name in names if name.endswith(".py")]
    differences = [f"{name} {actual.get(name)} instead of {expected.get(name)}" for name in names if name not in files]
    return "; ".join(differences + ([f"other code in {', '.join(files)}"] if files else []))
