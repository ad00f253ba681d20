"""Display the progress of runs in training. A terminal shows bars; elsewhere lines are printed."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lenet.training.trained_run import TRAIN_ERROR, VALIDATION_ERROR

if TYPE_CHECKING:
    from lenet.execution.schedule import PlannedRun

_LINE_INTERVAL_S = 15
# The remaining time is estimated from the pace of the last 10 minutes, because runs of slow and fast recipes alternate.
_PACE_S = 600


class _Lines:
    """Prints lines. Always prints a run's start and end; prints other epochs at most every _LINE_INTERVAL_S seconds."""

    def __init__(self, run_count: int) -> None:
        self._run_count, self._finished_count, self._last_line_s = run_count, 0, 0.0

    def epoch(self, run: "PlannedRun", epoch: int, metrics: Mapping[str, float]) -> None:
        now = time.monotonic()
        if 0 < epoch < run.epochs and now - self._last_line_s < _LINE_INTERVAL_S:
            return
        self._last_line_s = now
        self.say(f"{run.name}: epoch {epoch}/{run.epochs} {_score(metrics)}".rstrip())

    def finished(self, run: "PlannedRun") -> None:
        self._finished_count += 1
        self.say(f"{run.name}: {self._finished_count} of {self._run_count} runs finished")

    def say(self, line: str) -> None:
        print(f"{line}\n", end="", file=sys.stderr, flush=True)  # in one piece: several threads call this


class _Bars:
    """Shows bars: one for all runs together, and one for each run in training."""

    def __init__(self, progress: Progress, run_count: int, total_epochs: int) -> None:
        self._progress, self._run_count, self._finished_count = progress, run_count, 0
        self._bars: dict[str, TaskID] = {}
        self._scores: dict[str, str] = {}
        self._all_runs_bar = progress.add_task(self._title(), total=total_epochs, score="")

    def epoch(self, run: "PlannedRun", epoch: int, metrics: Mapping[str, float]) -> None:
        if run.name not in self._bars:
            self._bars[run.name] = self._progress.add_task(run.name, total=run.epochs, score="")
        self._scores[run.name] = _score(metrics)
        self._progress.update(self._bars[run.name], completed=epoch, score=self._scores[run.name])
        self._progress.advance(self._all_runs_bar, min(epoch, 1))

    def finished(self, run: "PlannedRun") -> None:
        self._finished_count += 1
        self._progress.update(self._all_runs_bar, description=self._title())
        if run.name in self._bars:
            self.say(f"{run.name}: {self._scores[run.name]}")
            self._progress.remove_task(self._bars.pop(run.name))
        else:  # no epoch of it was shown: a cluster or another process trained it, or its code was edited
            self._progress.advance(self._all_runs_bar, run.epochs)

    def say(self, line: str) -> None:
        self._progress.print(line)

    def _title(self) -> str:
        return f"{self._finished_count} of {self._run_count} runs"


# The methods of both may be called from several threads. Epoch 0 is the start of a run. A run is finished if it was
# trained here or by another process, or if it was discarded.
Display = _Lines | _Bars


@contextmanager
def open_display(epochs_per_run: Sequence[int]) -> Iterator[Display]:
    """Yield a display: bars if standard error is a terminal, else lines.

    epochs_per_run: the number of epochs of each run.
    """
    if not sys.stderr.isatty():
        yield _Lines(len(epochs_per_run))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("epoch"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[score]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=_PACE_S) as progress:
        yield _Bars(progress, len(epochs_per_run), sum(epochs_per_run))


def _score(metrics: Mapping[str, float]) -> str:
    """Return the validation error as text, or the training error if the run has no validation split."""
    for name, split in ((VALIDATION_ERROR, "validation"), (TRAIN_ERROR, "training")):
        if name in metrics:
            return f"{split} error {metrics[name]:.2f} %"
    return ""
