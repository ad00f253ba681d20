"""What a worker of a Dask cluster runs: it makes sure that it is as the driver, then calls a function in a process.

In a process of the project's own, because a Dask worker's environment, its threads and what ran in it before could
decide bits. It ends with the call.
"""

import pickle
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distributed import get_worker

from lenet.execution.pool import Worker
from lenet.execution.worker import Measured
from lenet.runs import code
from lenet.runs.identity import library_versions
from lenet.settings import ENGINES


@dataclass(frozen=True)
class Refused:
    """A Dask worker, by its address, that cannot give the driver's bits, and why: in what it differs."""

    address: str
    differences: str


class AbandonedError(Exception):
    """The driver does not wait for this call any more, or is gone."""


def what_decides_bits() -> dict[str, str]:
    """Return what must be equal where a run is wanted and where it is trained."""
    of_code = {file: digest for optimizer in ENGINES for file, digest in code.digests(optimizer).items()}
    return {"processor": platform.machine(), **library_versions(), **of_code}


def call(expected: Mapping[str, str], parts: Sequence[bytes]) -> Measured | Refused:
    """Call what is pickled in `parts`, a function and its arguments, here; what it emits goes nowhere.

    Raises what the function raises, and AbandonedError at its next event if the driver no longer waits.
    """
    dask_worker = get_worker()
    if differences := _differences(expected, what_decides_bits()):
        return Refused(dask_worker.address, differences)
    key = dask_worker.get_current_task()

    def emit(event: Any) -> None:
        task = dask_worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise AbandonedError(key)

    work, *arguments = [pickle.loads(part) for part in parts]
    worker = Worker()
    try:
        return worker.run(work, *arguments, emit=emit)
    finally:
        worker.kill()


def _differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say in what two sides differ; of code, whose digests say nothing, the names alone."""
    names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    code_of = [name for name in names if name.endswith(".py")]
    told = [f"{name} {found.get(name)} instead of {expected.get(name)}" for name in names if name not in code_of]
    return "; ".join(told + ([f"other code in {', '.join(code_of)}"] if code_of else []))
