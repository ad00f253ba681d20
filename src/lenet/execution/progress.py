"""What a person sees while runs train: on a terminal a bar for all of them and one per running run, else lines."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lenet.training.trained_run import TRAIN_ERROR, VALIDATION_ERROR

_LINE_INTERVAL_S = 15
# The time left is told from the pace of this long: runs of different kinds take turns.
_PACE_S = 600


class ShownRun(Protocol):
    """What is shown of a run."""

    @property
    def name(self) -> str: ...

    @property
    def epochs(self) -> int: ...


class Display(Protocol):
    """A display of the training of several runs; it may be called from several threads."""

    def epoch(self, run: ShownRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Show an epoch; epoch 0 when the run starts."""

    def finished(self, run: ShownRun) -> None:
        """Show that the run is done with."""

    def say(self, line: str) -> None:
        """Print a line."""


class _Lines:
    """Plain lines: each run's start and end, and in between at most one line every few seconds."""

    def __init__(self, runs: int) -> None:
        self._runs, self._finished, self._last_line = runs, 0, 0.0

    def epoch(self, run: ShownRun, epoch: int, metrics: Mapping[str, float]) -> None:
        now = time.monotonic()
        if 0 < epoch < run.epochs and now - self._last_line < _LINE_INTERVAL_S:
            return
        self._last_line = now
        self.say(f"{run.name}: epoch {epoch}/{run.epochs} {_score(metrics)}".rstrip())

    def finished(self, run: ShownRun) -> None:
        self._finished += 1
        self.say(f"{run.name}: {self._finished} of {self._runs} runs finished")

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class _Bars:
    """One bar for all runs, with the time left, and one per running run."""

    def __init__(self, progress: Progress, runs: int, epochs: int) -> None:
        self._progress, self._runs, self._finished = progress, runs, 0
        self._bars: dict[str, TaskID] = {}
        self._scores: dict[str, str] = {}
        self._all = progress.add_task(self._title(), total=epochs, score="")

    def epoch(self, run: ShownRun, epoch: int, metrics: Mapping[str, float]) -> None:
        if run.name not in self._bars:
            self._bars[run.name] = self._progress.add_task(run.name, total=run.epochs, score="")
        self._scores[run.name] = _score(metrics)
        self._progress.update(self._bars[run.name], completed=epoch, score=self._scores[run.name])
        self._progress.advance(self._all, min(epoch, 1))

    def finished(self, run: ShownRun) -> None:
        self._finished += 1
        self._progress.update(self._all, description=self._title())
        if run.name in self._bars:
            self.say(f"{run.name}: {self._scores[run.name]}")
            self._progress.remove_task(self._bars.pop(run.name))
        else:  # another process has trained it
            self._progress.advance(self._all, run.epochs)

    def say(self, line: str) -> None:
        self._progress.print(line)

    def _title(self) -> str:
        return f"{self._finished} of {self._runs} runs"


@contextmanager
def open_display(epochs: Sequence[int]) -> Iterator[Display]:
    """Yield a display of the training of runs that take so many epochs each."""
    if not sys.stderr.isatty():
        yield _Lines(len(epochs))
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
        yield _Bars(progress, len(epochs), sum(epochs))


def _score(metrics: Mapping[str, float]) -> str:
    """Return the accuracy on the validation split, or in training if the run has no validation split."""
    for name, where in ((VALIDATION_ERROR, "validation"), (TRAIN_ERROR, "training")):
        if name in metrics:
            return f"{where} accuracy {100 - metrics[name]:.2f} %"
    return ""
