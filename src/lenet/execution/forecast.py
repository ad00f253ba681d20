"""Say, before a training starts, how many runs will be trained and how long that takes on this machine."""

import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress

from lenet.errors import counted
from lenet.execution import cluster
from lenet.runs import run_store
from lenet.runs.files import IDENTITY

# Images per second that one of two workers trains on: a slow machine (Intel, 2.5 GHz) and a fast one (AMD EPYC).
_SLOWEST, _FASTEST = 3_000.0, 10_000.0


def announcement(epochs: Sequence[int], dataset: str, train_size: int, workers: int) -> str:
    """Return what a command says before it trains: how many runs, how long they take here, and how to stop.

    epochs: the number of epochs of each run. dataset: the name of its data set. train_size: how many images an epoch
    has. workers: how many runs train at the same time.
    """
    where = "on the Dask cluster" if cluster.address() else f"here: {duration(epochs, dataset, train_size, workers)}"
    return f"{counted(len(epochs), 'run')} to train {where}. You may press Ctrl-C: finished runs are kept."


def duration(epochs: Sequence[int], dataset: str, train_size: int, workers: int) -> str:
    """Return how long the training takes, as in "about 25 minutes" or "10 to 35 minutes".

    The time is estimated from the runs that this machine has trained on this data set. If there are none, it is a
    range, from a fast machine to a slow one. The arguments are those of `announcement`.
    """
    images = train_size * max(max(epochs), sum(epochs) / workers)  # not less than those of the longest run
    trained = list(_trained_here(dataset))
    if seconds := sum(duration_s for _, duration_s in trained):
        pace = train_size * sum(run_epochs for run_epochs, _ in trained) / seconds
        return _in_words(images / pace / 60, images / pace / 60)
    return _in_words(images / _FASTEST / 60, images / _SLOWEST / 60)


def _trained_here(dataset: str) -> Iterator[tuple[int, float]]:
    """Yield the epochs and the seconds of each finished run on this data set, if this machine trained the run."""
    for digest in run_store.digests():
        with suppress(OSError, ValueError, KeyError, TypeError):  # a damaged entry
            run = json.loads((run_store.entry(digest) / IDENTITY).read_text(encoding="utf-8"))
            provenance = run_store.load_provenance(digest)
            if provenance and run["data"]["dataset"] == dataset and provenance.tags["host"] == platform.node():
                yield int(run["settings"]["epochs"]), float(provenance.duration_s)


def _in_words(least_min: float, most_min: float) -> str:
    if most_min < 1:
        return "less than a minute"
    if most_min < 1.5:
        return "about a minute"
    if most_min < 90:
        least, most, unit = f"{max(1, round(least_min))}", f"{round(most_min)}", "minutes"
    else:
        least, most, unit = f"{least_min / 60:.1f}", f"{most_min / 60:.1f}", "hours"
    return f"about {most} {unit}" if least == most else f"{least} to {most} {unit}"
