"""Estimate, before a training starts, how long it will take on this machine."""

import json
import platform
from collections.abc import Sequence
from contextlib import suppress

from lenet.execution import cluster
from lenet.mnist.datasets import Dataset
from lenet.runs import run_store
from lenet.runs.files import IDENTITY
from lenet.settings import Variant

# Images per second that one of two workers trains on: a slow machine (Intel, 2.5 GHz) and a fast one (AMD EPYC).
_SLOWEST, _FASTEST = 3_000.0, 10_000.0


def announcement(recipes: Sequence[Variant], dataset: Dataset, workers: int) -> str:
    """Return what a command says before it trains: how many runs, how long they take here, and how to stop.

    recipes: the recipe of each run. workers: how many runs train at the same time.
    """
    runs = f"{len(recipes)} runs" if len(recipes) > 1 else "1 run"
    where = "on the Dask cluster" if cluster.address() else f"here: {duration(recipes, dataset, workers)}"
    return f"{runs} to train {where}. Ctrl-C loses nothing: finished runs are kept."


def duration(recipes: Sequence[Variant], dataset: Dataset, workers: int) -> str:
    """Return how long it takes to train one run of each recipe, as in "about 25 minutes" or "10 to 35 minutes".

    The time is estimated from the finished runs on the same data set that this machine has trained. If there are none,
    it is a range: from a fast machine to a slow one.
    """
    images = dataset.train_size * sum(recipe.epochs * (1 + recipe.copies) for recipe in recipes)
    pace = _pace_here(dataset)
    minutes = images / min(workers, len(recipes)) / 60
    return _in_words(minutes / (pace or _FASTEST), minutes / (pace or _SLOWEST))


def _pace_here(dataset: Dataset) -> float:
    """Return the images per second of the finished runs on this data set that this machine has trained, 0 if none."""
    images, seconds = 0, 0.0
    for digest in run_store.entry_sizes():
        provenance = run_store.load_provenance(digest)
        if provenance and provenance.tags.get("host") == platform.node():
            with suppress(OSError, ValueError, KeyError):  # a damaged entry
                run = json.loads((run_store.entry(digest) / IDENTITY).read_text(encoding="utf-8"))
                if run["data"]["dataset"] == dataset.name:
                    images += dataset.train_size * run["settings"]["epochs"] * (1 + run["settings"]["copies"])
                    seconds += provenance.duration_s
    return images / seconds if seconds else 0


def _in_words(least_min: float, most_min: float) -> str:
    if most_min < 1:
        return "less than a minute"
    if most_min < 90:
        least, most, unit = f"{max(1, round(least_min))}", f"{round(most_min)}", "minutes"
    else:
        least, most, unit = f"{least_min / 60:.1f}", f"{most_min / 60:.1f}", "hours"
    return f"about {most} {unit}" if least == most else f"{least} to {most} {unit}"
