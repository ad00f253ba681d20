"""Plan runs, find out which of them the run store lacks, and train these runs in parallel.

Each run is stored as soon as it is finished.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from filelock import Timeout

from lenet.errors import LabError, counted
from lenet.execution import cluster, forecast, pool, progress
from lenet.execution.worker import CallResult
from lenet.runs import run_store, trainer
from lenet.runs.identity import DataIdentity, RunIdentity, identify_runs
from lenet.runs.provenance import Provenance, machine_tags
from lenet.runs.trainer import EditedError
from lenet.runs.training_data import TrainingData, identify_data, load_training_data
from lenet.settings import Settings, Variant

# How a run ended. CallResult: it was trained. EditedError: its code was edited. None: another process has trained it.
Outcome = CallResult | EditedError | None

_POLL_INTERVAL_S = 0.5


@dataclass(frozen=True)
class PlannedRun:
    """A run that is in the run store, or that is to be trained. variants: the variants that share the run."""

    identity: RunIdentity
    recipe: Variant
    variants: tuple[str, ...]

    @property
    def name(self) -> str:
        fold = self.identity.data.fold
        fold_suffix = f" fold {fold[0]}" if fold else ""
        return f"{self.variants[0]} seed {self.identity.seed}{fold_suffix}"

    @property
    def epochs(self) -> int:
        return self.recipe.epochs


def planned_runs(settings: Settings, variants: Sequence[str]) -> list[PlannedRun]:
    """Return the runs of variants: all seeds of the first variant, then all seeds of the second, and so on.

    If several variants share a run, the run is listed once. Raises LabError if a variant is unknown or the data is
    missing.
    """
    return runs_of_recipes(
        {variant: settings.variant(variant) for variant in variants}, settings.seeds, [identify_data()]
    )


def runs_of_recipes(
    recipes: Mapping[str, Variant], seeds: Sequence[int], data_identities: Sequence[DataIdentity]
) -> list[PlannedRun]:
    """Return one run for each combination of a recipe, a data identity and a seed. Equal runs are listed once.

    recipes: name → recipe.
    """
    runs: dict[str, PlannedRun] = {}
    for (name, recipe), data_identity in itertools.product(recipes.items(), data_identities):
        for identity in identify_runs(recipe, seeds, data_identity):
            run = runs.setdefault(identity.digest, PlannedRun(identity, recipe, ()))
            runs[identity.digest] = replace(run, variants=(*run.variants, name))
    return list(runs.values())


def missing_runs(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Return the runs that the run store lacks."""
    return [run for run in runs if not run_store.has(run.identity)]


def process_pool(max_workers: int | Literal["auto"]) -> pool.ProcessPool:
    """Return a pool of workers that train on this machine. Each worker imports TensorFlow as soon as it is started."""
    return pool.ProcessPool(max_workers, warm_up=trainer.import_training)


def train_runs(
    runs: Sequence[PlannedRun], processes: pool.ProcessPool, is_announced: bool = False
) -> Iterator[PlannedRun]:
    """Train runs in parallel and store them; yield each run when it is in the run store. Runs start in the given order.

    The Dask cluster trains the runs if DASK_SCHEDULER_ADDRESS is set, otherwise the workers in `processes` do. A run
    that another process is training is not trained twice: this function waits for the other process. If the code of a
    run is edited meanwhile, the run is not kept, and LabError is raised after the last run.
    is_announced: the user already knows how many runs will be trained, and how long that takes.
    """
    if not runs:
        return
    start = time.monotonic()
    data_by_identity = {
        identity: load_training_data(identity) for identity in {run.identity.data: None for run in runs}
    }
    train_size = max(len(data.train) for data in data_by_identity.values())
    epochs, dataset = [run.epochs for run in runs], runs[0].identity.data.dataset
    if not is_announced:
        print(forecast.announcement(epochs, dataset, train_size, processes.max_workers), flush=True)
    trained: list[tuple[PlannedRun, CallResult]] = []
    edited_count = 0
    with progress.open_display(epochs) as display:
        if scheduler := cluster.address():
            outcomes = _train_on_cluster(runs, data_by_identity, scheduler)
        else:
            outcomes = _train_on_this_machine(runs, data_by_identity, processes, display)
        with closing(outcomes):  # an interrupt in this block must also cancel the calls to a Dask cluster
            for run, outcome in outcomes:
                display.finished(run)
                if isinstance(outcome, EditedError):
                    edited_count += 1
                    if outcome.was_trained:
                        display.say(f"{run.name} is discarded: its code was edited while it trained")
                else:
                    if outcome:
                        trained.append((run, outcome))
                    yield run
    if trained:
        print(_training_speed(trained, data_by_identity, time.monotonic() - start))
    if edited_count:
        raise LabError(
            f"{edited_count} of {len(runs)} runs were not kept, because their code was edited meanwhile; "
            "the others are kept: run the same command again"
        )


def _train_on_this_machine(
    runs: Sequence[PlannedRun],
    data_by_identity: Mapping[DataIdentity, TrainingData],
    processes: pool.ProcessPool,
    display: progress.Display,
) -> Generator[tuple[PlannedRun, Outcome], None, None]:
    """Train runs in worker processes and store them; yield each run and how it ended."""

    def train(worker: pool.WorkerProcess, run: PlannedRun) -> tuple[PlannedRun, Outcome]:
        def on_event(event: tuple[int, Mapping[str, float]]) -> None:
            display.epoch(run, *event)

        with _run_lock(run, worker):
            if run_store.has(run.identity):
                return run, None
            data = data_by_identity[run.identity.data]
            return run, _store_result(
                run, lambda: worker.call(trainer.train_checked, data, run.identity, run.recipe, emit=on_event)
            )

    return processes.map(train, runs)


@contextmanager
def _run_lock(run: PlannedRun, worker: pool.WorkerProcess) -> Iterator[None]:
    """Hold a run's lock in the `with` block. First wait while another process holds the lock.

    If the worker is killed during the wait, enter the block without the lock.
    """
    lock = run_store.lock(run.identity.digest)
    while worker.is_running:
        try:
            lock.acquire(timeout=_POLL_INTERVAL_S)
            break
        except Timeout:
            continue
    try:
        yield
    finally:
        lock.release()


def _train_on_cluster(
    runs: Sequence[PlannedRun], data_by_identity: Mapping[DataIdentity, TrainingData], scheduler: str
) -> Generator[tuple[PlannedRun, Outcome], None, None]:
    """Train runs on a Dask cluster and store them; yield each run and how it ended.

    Each run's lock is taken before the run is submitted, and released when the run is stored.
    """
    waiting_runs = deque(enumerate(runs))
    submitted_calls: dict[Any, tuple[PlannedRun, run_store.Lock]] = {}
    with cluster.Connection(scheduler) as connection, ExitStack() as locks:
        shared_data = {identity: connection.share(data) for identity, data in data_by_identity.items()}
        while waiting_runs or submitted_calls:
            for position, run, lock in _lock_runs(waiting_runs, cluster.CALLS_AT_A_TIME - len(submitted_calls)):
                locks.callback(lock.release)
                if run_store.has(run.identity):
                    lock.release()
                    yield run, None
                else:
                    call = connection.submit(
                        position, trainer.train_checked, shared_data[run.identity.data], run.identity, run.recipe
                    )
                    submitted_calls[call] = run, lock
            for call in connection.finished_calls(submitted_calls):
                run, lock = submitted_calls.pop(call)
                outcome = _store_result(run, partial(connection.result, call))
                lock.release()
                yield run, outcome


def _lock_runs(
    waiting_runs: deque[tuple[int, PlannedRun]], max_count: int
) -> Iterator[tuple[int, PlannedRun, run_store.Lock]]:
    """Take up to `max_count` runs from the front of `waiting_runs` and lock them; yield position, run and lock.

    position: the run's place in the order of all runs. If another process holds the lock of a run, the run goes to the
    end of `waiting_runs`, but keeps its position.
    """
    for _ in range(min(max_count, len(waiting_runs))):
        position, run = waiting_runs.popleft()
        lock = run_store.lock(run.identity.digest)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting_runs.append((position, run))
        else:
            yield position, run, lock


def _store_result(run: PlannedRun, call: Callable[[], CallResult]) -> CallResult | EditedError:
    """Make the call, which trains a run; store the run and return the call's result.

    If the call raises EditedError, because the run's code was edited, store nothing and return this error.
    """
    try:
        call_result = call()
    except EditedError as error:
        return error
    provenance = Provenance(
        {**machine_tags(), **call_result.machine_tags}, call_result.started_ms, round(call_result.duration_s, 3)
    )
    run_store.save(run.identity, call_result.result, provenance)
    return call_result


def _training_speed(
    trained: Sequence[tuple[PlannedRun, CallResult]],
    data_by_identity: Mapping[DataIdentity, TrainingData],
    wall_s: float,
) -> str:
    """Return one line with the training's time, speed and peak memory.

    The speed is in images per second. Every epoch counts all training images again.
    """
    images = sum(run.epochs * len(data_by_identity[run.identity.data].train) for run, _ in trained)
    return (
        f"{counted(len(trained), 'run')} in {wall_s:.0f} s: "
        f"{images / sum(call_result.duration_s for _, call_result in trained):,.0f} images/s per worker, "
        f"{images / wall_s:,.0f} images/s in total; "
        f"peak memory {max(call_result.peak_memory_mib for _, call_result in trained):,.0f} MiB per worker"
    )
