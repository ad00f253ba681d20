"""MLflow beside the training: runs that are seen live. A failing store costs no result and little time."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Literal

from lenet.execution import training
from lenet.execution.training import Wanted
from lenet.report.wording import in_markdown
from lenet.runs import store
from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import Provenance, busy_s, machine_tags, now_ms
from lenet.tracking import failures
from lenet.tracking.experiment import Experiment
from lenet.tracking.run_finder import RunFinder
from lenet.tracking.run_log import RunLog
from lenet.training.trained_run import TrainedRun

_TIMEOUT_S = 20
_TIMEOUT_AFTER_CTRL_C_S = 2


class LiveLog:
    """Shows a training in MLflow as it goes. Its methods return at once: a thread does the work."""

    def __init__(self, events: SimpleQueue) -> None:
        self._events = events

    def epoch(self, run: Wanted, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics; epoch 0 starts the run."""
        self._events.put(lambda writer: writer.log_epoch(run, epoch, metrics))

    def finished(self, run: Wanted, provenance: Provenance) -> None:
        """End the run as finished."""
        self._events.put(lambda writer: writer.finish(run, provenance))


@contextmanager
def log_training(runs: Sequence[Wanted], about: Mapping[str, str], experiment: Experiment) -> Iterator[LiveLog]:
    """Yield a log of the training of runs, those of their variants that are trained already included.

    `about` describes the variants. A thread logs, and gives up at the first failure. At the end it is waited for, for a
    bounded time; runs that did not finish end as failed, or as killed where the training was interrupted. Training
    never fails, waits long or loses a number because of it.
    """
    events: SimpleQueue = SimpleQueue()
    thread = threading.Thread(target=_work_off, args=(events, runs, about, experiment), name="mlflow", daemon=True)
    thread.start()
    timeout_s, status = _TIMEOUT_S, "FAILED"
    try:
        yield LiveLog(events)
    except KeyboardInterrupt:
        timeout_s, status = _TIMEOUT_AFTER_CTRL_C_S, "KILLED"
        raise
    finally:
        events.put(status)
        thread.join(timeout_s)
        if thread.is_alive():
            failures.warn(TimeoutError(f"no answer within {timeout_s} s"))


def train_lacking(
    runs: Sequence[Wanted],
    train: Callable[..., TrainedRun],
    workers: int | Literal["auto"],
    about: Mapping[str, str],
    experiment: Experiment,
) -> Iterator[Wanted]:
    """Train the runs that the store lacks, as `training.train_runs` does, and log them."""
    with log_training(runs, about, experiment) as log:
        yield from training.train_runs(training.lacking(runs), train, workers, log)


def _work_off(events: SimpleQueue, runs: Sequence[Wanted], about: Mapping[str, str], experiment: Experiment) -> None:
    """Do what the events ask for, until they end with the status of what has not finished."""
    writer: _Writer | None = None
    with failures.as_warnings():
        while not isinstance(event := events.get(), str):
            writer = writer or _Writer(runs, about, experiment)  # the store is opened when the first run starts
            event(writer)
        if writer:
            writer.close(event)


class _Writer:
    """Writes to the store. A run is there once for each variant that has it, under that variant's own."""

    def __init__(self, runs: Sequence[Wanted], about: Mapping[str, str], experiment: Experiment) -> None:
        self._runs, self._about = runs, about
        self._finder = RunFinder(experiment)
        self._finder.stop_abandoned()
        self._parents: dict[str, RunLog] = {}
        self._open: dict[tuple[str, str], RunLog] = {}  # by variant and digest

    def log_epoch(self, run: Wanted, epoch: int, metrics: Mapping[str, float]) -> None:
        for variant in run.variants:
            if epoch == 0:
                self._start(variant, run.identity)
            else:
                self._open[variant, run.identity.digest].log_epoch(epoch, metrics)

    def finish(self, run: Wanted, provenance: Provenance) -> None:
        for variant in run.variants:
            self._open.pop((variant, run.identity.digest)).close(provenance.duration_s)
            digests = [each.identity.digest for each in self._runs if variant in each.variants]
            known = list(filter(None, map(store.load_provenance, digests)))
            if len(known) == len(digests) and not any(of == variant for of, _ in self._open):
                self._parents[variant].close(busy_s(known))

    def close(self, status: str) -> None:
        for run in (*self._open.values(), *self._parents.values()):
            run.stop(status)

    def _start(self, variant: str, identity: RunIdentity) -> None:
        if variant not in self._parents:
            self._parents[variant] = self._finder.find_or_create_parent(
                variant, identity, in_markdown(self._about.get(variant, "")), now_ms(), machine_tags()
            )
        run = self._finder.find_or_create_seed(variant, identity, self._parents[variant], now_ms(), machine_tags())
        self._open[variant, identity.digest] = run
        for each in (run, self._parents[variant]):
            each.reopen()
