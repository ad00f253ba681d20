"""Train the runs that the store lacks, side by side. Each is stored as soon as it is finished."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from filelock import Timeout

from lenet.errors import LabError
from lenet.execution import cluster, pool, progress
from lenet.execution.worker import CallResult
from lenet.runs import run_store, trainer
from lenet.runs.identity import DataIdentity, RunIdentity, identify
from lenet.runs.provenance import Provenance, machine_tags
from lenet.runs.trainer import EditedError
from lenet.runs.training_data import TrainingData, identify_data, load_training_data
from lenet.settings import Settings, Variant

# How a run ended. None: another process has trained it meanwhile.
Outcome = CallResult | EditedError | None

_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True)
class PlannedRun:
    """A run to be trained or found in the run store: its identity, its recipe, and the variants that have it."""

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


def planned_runs(settings: Settings, variants: Sequence[str]) -> list[PlannedRun]:
    """Return the runs of variants, by variant and then by seed; a run that two variants share is listed once.

    Raises LabError where a variant is unknown or the data is not there.
    """
    return runs_of_recipes(
        {variant: settings.variant(variant) for variant in variants}, settings.seeds, [identify_data()]
    )


def runs_of_recipes(
    recipes: Mapping[str, Variant], seeds: Sequence[int], data: Sequence[DataIdentity]
) -> list[PlannedRun]:
    """Return the runs of recipes, by name: one for each data and seed. Equal runs are listed once."""
    runs: dict[str, PlannedRun] = {}
    for (name, recipe), digits in itertools.product(recipes.items(), data):
        for identity in identify(recipe, seeds, digits):
            run = runs.setdefault(identity.digest, PlannedRun(identity, recipe, ()))
            runs[identity.digest] = replace(run, variants=(*run.variants, name))
    return list(runs.values())


def missing_runs(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Return those of the runs that the store does not have."""
    return [run for run in runs if not run_store.has(run.identity)]


def process_pool(most: int | Literal["auto"]) -> pool.ProcessPool:
    """Return the processes that train on this machine; they import TensorFlow as soon as they are started."""
    return pool.ProcessPool(most, first=trainer.import_training)


def start_processes(processes: pool.ProcessPool, runs: int) -> None:
    """Start the processes that so many runs need, so that they are ready when the data is; none for a cluster."""
    if not cluster.address():
        processes.start(runs)


def train_runs(runs: Sequence[PlannedRun], processes: pool.ProcessPool) -> Iterator[PlannedRun]:
    """Train runs side by side, starting them in this order; yield each when the store has it.

    They are trained by the workers, or by the cluster where there is one. If another process trains the same run, this
    waits for it. Raises LabError at the end if runs could not be kept, because their code was edited meanwhile.
    """
    if not runs:
        return
    start = time.monotonic()
    data = {identity: load_training_data(identity) for identity in {run.identity.data: None for run in runs}}
    trained: list[tuple[PlannedRun, CallResult]] = []
    edited = 0
    with progress.open_display([run.epochs for run in runs]) as display:
        if scheduler := cluster.address():
            outcomes = _on_cluster(runs, data, scheduler)
        else:
            outcomes = _on_this_machine(runs, data, processes, display)
        with closing(outcomes):  # an interrupt here must end the workers too
            for run, outcome in outcomes:
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


def _on_this_machine(
    runs: Sequence[PlannedRun],
    data: Mapping[DataIdentity, TrainingData],
    processes: pool.ProcessPool,
    display: progress.Display,
) -> Generator[tuple[PlannedRun, Outcome], None, None]:
    """Train and store runs in worker processes; yield each run and how it ended."""

    def train(worker: pool.WorkerProcess, run: PlannedRun) -> tuple[PlannedRun, Outcome]:
        def on_event(event: tuple[int, Mapping[str, float]]) -> None:
            display.epoch(run, *event)

        with _held(run, worker):
            if run_store.has(run.identity):
                return run, None
            digits = data[run.identity.data]
            return run, _stored(
                run, lambda: worker.call(trainer.train_checked, digits, run.identity, run.recipe, emit=on_event)
            )

    return processes.map(train, runs)


@contextmanager
def _held(run: PlannedRun, worker: pool.WorkerProcess) -> Iterator[None]:
    """Hold a run's lock; wait while another process holds it and the worker is running."""
    lock = run_store.lock(run.identity.digest)
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


def _on_cluster(
    runs: Sequence[PlannedRun], data: Mapping[DataIdentity, TrainingData], scheduler: str
) -> Generator[tuple[PlannedRun, Outcome], None, None]:
    """Train runs on a Dask cluster and store them; yield each run and how it ended.

    A run's lock is held from before it is submitted until it is stored.
    """
    waiting = deque(enumerate(runs))
    calls: dict[Any, tuple[PlannedRun, run_store.Lock]] = {}
    with cluster.Cluster(scheduler) as connection, ExitStack() as locks:
        shared = {identity: connection.share(digits) for identity, digits in data.items()}
        while waiting or calls:
            for place, run, lock in _locked(waiting, cluster.CALLS_AT_A_TIME - len(calls)):
                locks.callback(lock.release)
                if run_store.has(run.identity):
                    lock.release()
                    yield run, None
                else:
                    call = connection.submit(
                        place, trainer.train_checked, shared[run.identity.data], run.identity, run.recipe
                    )
                    calls[call] = run, lock
            for call in connection.finished(calls):
                run, lock = calls.pop(call)
                outcome = _stored(run, partial(connection.result, call))
                lock.release()
                yield run, outcome


def _locked(waiting: deque[tuple[int, PlannedRun]], most: int) -> Iterator[tuple[int, PlannedRun, run_store.Lock]]:
    """Take waiting runs and their locks. Runs whose locks another process holds go to the end."""
    for _ in range(min(most, len(waiting))):
        place, run = waiting.popleft()
        lock = run_store.lock(run.identity.digest)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting.append((place, run))
        else:
            yield place, run, lock


def _stored(run: PlannedRun, call: Callable[[], CallResult]) -> CallResult | EditedError:
    """Store the run that a call returns, unless the code was edited meanwhile."""
    try:
        measured = call()
    except EditedError as error:
        return error
    provenance = Provenance({**machine_tags(), **measured.machine}, measured.started_ms, round(measured.duration_s, 3))
    run_store.save(run.identity, measured.result, provenance)
    return measured


def _speed(
    trained: Sequence[tuple[PlannedRun, CallResult]], data: Mapping[DataIdentity, TrainingData], wall_s: float
) -> str:
    """Say in one line what the training took; a digit counts once per epoch."""
    images = sum(run.epochs * len(data[run.identity.data].train) for run, _ in trained)
    return (
        f"{len(trained)} runs in {wall_s:.0f} s: "
        f"{images / sum(measured.duration_s for _, measured in trained):,.0f} images/s per worker, "
        f"{images / wall_s:,.0f} images/s in all; "
        f"peak memory {max(measured.peak_memory_mib for _, measured in trained):,.0f} MiB per worker"
    )
