"""What a person sees while runs train: a bar per running seed on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lenet.training.trained_run import TRAIN_ERROR, VALIDATION_ERROR

_LINE_INTERVAL_S = 15


class _Lines:
    """Plain lines: each seed's start and last epoch, and in between at most one line every few seconds."""

    def __init__(self, variant: str, epochs: int):
        self._variant, self._epochs = variant, epochs
        self._last_line: dict[int, float] = {}

    def show(self, seed: int, epoch: int, metrics: Mapping[str, float]) -> None:
        now = time.monotonic()
        recent = now - self._last_line.get(seed, -_LINE_INTERVAL_S) < _LINE_INTERVAL_S
        if recent and epoch < self._epochs:
            return
        self._last_line[seed] = now
        score = _score(metrics)
        print(f"{self._variant} seed {seed}: epoch {epoch}/{self._epochs} {score}", file=sys.stderr, flush=True)


class _Bars:
    """One bar per running seed."""

    def __init__(self, variant: str, epochs: int, progress: Progress):
        self._variant, self._epochs, self._progress = variant, epochs, progress
        self._bars: dict[int, TaskID] = {}

    def show(self, seed: int, epoch: int, metrics: Mapping[str, float]) -> None:
        if seed not in self._bars:
            self._bars[seed] = self._progress.add_task(f"{self._variant} seed {seed}", total=self._epochs, score="")
        score = _score(metrics)
        self._progress.update(self._bars[seed], completed=epoch, score=score)
        if epoch == self._epochs:
            self._progress.print(f"{self._variant} seed {seed}: {score}")
            self._progress.remove_task(self._bars[seed])


@contextmanager
def shown(variant: str, epochs: int) -> Iterator[_Bars | _Lines]:
    """Yield a display of a variant's training: call its `show(seed, epoch, metrics)`, first with epoch 0."""
    if not sys.stderr.isatty():
        yield _Lines(variant, epochs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("epoch"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[score]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bars(variant, epochs, progress)


def _score(metrics: Mapping[str, float]) -> str:
    """Return the accuracy on the validation split, or in training if the run has no validation split."""
    for name, where in ((VALIDATION_ERROR, "validation"), (TRAIN_ERROR, "training")):
        if name in metrics:
            return f"{where} accuracy {100 - metrics[name]:.2f} %"
    return ""
