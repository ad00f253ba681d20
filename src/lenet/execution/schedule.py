"""Train the runs that the store lacks, side by side. Each is stored as soon as it is finished."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from filelock import Timeout

from lenet.errors import LabError
from lenet.execution import cluster, pool, progress
from lenet.execution.worker import Measured
from lenet.runs import store
from lenet.runs.identity import DataIdentity, RunIdentity, identify
from lenet.runs.provenance import Provenance, machine_tags
from lenet.runs.trainer import EditedError
from lenet.runs.training_data import TrainingData, identify_data, load_training_data
from lenet.settings import Settings, Variant
from lenet.training.trained_run import TrainedRun

Result = TypeVar("Result")

_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True)
class PlannedRun:
    """A run to be trained or found in the run store: who it is, its recipe, and the variants that have it."""

    identity: RunIdentity
    recipe: Variant
    variants: tuple[str, ...]

    @property
    def name(self) -> str:
        fold = self.identity.data.fold
        of_fold = f" fold {fold[0]}" if fold else ""
        return f"{self.variants[0]} seed {self.identity.seed}{of_fold}"

    @property
    def epochs(self) -> int:
        return self.recipe.epochs


class Worker(Protocol):
    """What calls a function elsewhere: a worker process of this machine, or a cluster."""

    @property
    def is_running(self) -> bool:
        """Whether calls are taken; if not, they fail."""

    def run(self, work: Callable[..., Any], *arguments: Any, emit: Callable[[Any], None]) -> Measured:
        """Call `work(*arguments, emit)` there; what it emits reaches `emit` here, except from a cluster."""


def planned_runs(settings: Settings, variants: Sequence[str]) -> list[PlannedRun]:
    """Return the runs of variants, in their order and that of the seeds; a run that two of them share is there once.

    Raises LabError where a variant is unknown or the data is not there.
    """
    return runs_of({variant: settings.variant(variant) for variant in variants}, settings.seeds, [identify_data()])


def runs_of(recipes: Mapping[str, Variant], seeds: Sequence[int], data: Sequence[DataIdentity]) -> list[PlannedRun]:
    """Return the runs of recipes, by name, on all of the data and from all of the seeds; equal ones are there once."""
    runs: dict[str, PlannedRun] = {}
    for (name, recipe), digits in itertools.product(recipes.items(), data):
        for identity in identify(recipe, seeds, digits):
            run = runs.setdefault(identity.digest, PlannedRun(identity, recipe, ()))
            runs[identity.digest] = replace(run, variants=(*run.variants, name))
    return list(runs.values())


def lacking(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Return those of the runs that the store does not have."""
    return [run for run in runs if not store.has(run.identity)]


def train_runs(
    runs: Sequence[PlannedRun], train: Callable[..., TrainedRun], workers: int | Literal["auto"]
) -> Iterator[PlannedRun]:
    """Train runs side by side, begun in their order; yield each when the store has it.

    `train` does so in a worker, called with the digits, the run's identity, its recipe, and a function to give each
    epoch to. Where another process trains the same run, it is waited for. Raises LabError in the end where runs could
    not be kept, because their code was edited meanwhile.
    """
    if not runs:
        return
    start = time.monotonic()
    data = {identity: load_training_data(identity) for identity in {run.identity.data: None for run in runs}}
    trained: list[tuple[PlannedRun, Measured]] = []
    edited = 0
    with progress.shown([run.epochs for run in runs]) as display:

        def do(worker: Worker, run: PlannedRun) -> tuple[PlannedRun, Measured | EditedError | None]:
            return run, _train_and_store(worker, run, data[run.identity.data], train, display)

        for run, outcome in _side_by_side(do, runs, workers):
            display.finished(run)
            if isinstance(outcome, EditedError):
                edited += 1
                if outcome.trained:
                    display.say(f"{run.name} is discarded: its code was edited while it trained")
            else:
                trained += [(run, outcome)] if outcome else []
                yield run
    if trained:
        print(_speed(trained, data, time.monotonic() - start))
    if edited:
        raise LabError(
            f"{edited} of {len(runs)} runs were not trained to the end, because their code was edited meanwhile; "
            "the others are kept: run the same command again"
        )


def _side_by_side(
    do: Callable[[Worker, PlannedRun], Result], runs: Sequence[PlannedRun], workers: int | Literal["auto"]
) -> Iterator[Result]:
    """Yield what `do(worker, run)` returns as it does, on the workers of the user's cluster or of this machine."""
    if scheduler := cluster.address():
        return cluster.run_side_by_side(do, runs, scheduler)
    return pool.run_side_by_side(do, runs, pool.worker_count(workers, len(runs)))


def _train_and_store(
    worker: Worker, run: PlannedRun, data: TrainingData, train: Callable[..., TrainedRun], display: progress.Display
) -> Measured | EditedError | None:
    """Train a run and store it; None where another process has done so meanwhile."""

    def on_event(event: tuple[int, Mapping[str, float]]) -> None:
        display.epoch(run, *event)

    with _held(run.identity.digest, worker):
        if store.has(run.identity):
            return None
        try:
            measured = worker.run(train, data, run.identity, run.recipe, emit=on_event)
        except EditedError as error:
            return error
        provenance = Provenance(
            {**machine_tags(), **measured.machine}, measured.started_ms, round(measured.duration_s, 3)
        )
        store.save(run.identity, measured.result, provenance)
    return measured


@contextmanager
def _held(digest: str, worker: Worker) -> Iterator[None]:
    """Hold a run's lock. Whoever else holds it is waited for, as long as the worker is running."""
    lock = store.lock(digest)
    while worker.is_running:
        try:
            lock.acquire(timeout=_LOOK_AGAIN_S)
            break
        except Timeout:
            continue
    try:
        yield
    finally:
        lock.release()


def _speed(
    trained: Sequence[tuple[PlannedRun, Measured]], data: Mapping[DataIdentity, TrainingData], wall_s: float
) -> str:
    """Say in one line what the training took; a digit counts once per epoch."""
    images = sum(run.epochs * len(data[run.identity.data].train) for run, _ in trained)
    return (
        f"{len(trained)} runs in {wall_s:.0f} s: "
        f"{images / sum(measured.duration_s for _, measured in trained):,.0f} images/s per worker, "
        f"{images / wall_s:,.0f} images/s in all; "
        f"peak memory {max(measured.peak_memory_mib for _, measured in trained):,.0f} MiB per worker"
    )
