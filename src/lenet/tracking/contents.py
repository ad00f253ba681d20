"""What is published of a variant, read from the files: its finished runs, and the means over them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from lenet.errors import LabError
from lenet.evaluation import metrics
from lenet.evaluation.metrics import METRICS, TEST_ERROR, TEST_ERROR_INTERVAL
from lenet.evaluation.predictions import load_predictions
from lenet.evaluation.results import SeedResult, VariantResult, learning_curve
from lenet.evaluation.trials import ERROR, LOSS
from lenet.mnist.splits import Split, load_split
from lenet.runs import run_store
from lenet.runs.files import find_run
from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import Provenance
from lenet.tracking import artifacts
from lenet.tracking.mlflow_run import Point
from lenet.tracking.pages import INTERVAL_TAG, TEST_ACCURACY, VALIDATION_ACCURACY
from lenet.training.trained_run import VALIDATION_ERROR, VALIDATION_LOSS, History


@dataclass(frozen=True)
class FinishedRun:
    """A trained run, and what is here of it.

    model: the folder with its weights. result: what `evaluate` measured. mistakes: returns the page of its most
    confident mistakes, None without predictions.
    """

    identity: RunIdentity
    history: History
    provenance: Provenance | None
    model: Path | None = None
    result: SeedResult | None = None
    mistakes: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class Means:
    """What the run of a variant shows: means over its seeds per epoch and at the end, tags, and a description."""

    curves: Sequence[Point]
    final: Sequence[Point]
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest(self.curves, self.final)


def digest(*parts: object) -> str:
    """Return a digest of what is published."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def curves(history: Mapping[str, Sequence[float]]) -> list[Point]:
    """Return a metric per epoch, counted from 1, as points; with the accuracy beside the error."""
    accuracy = {VALIDATION_ACCURACY: [_accuracy(error) for error in history.get(VALIDATION_ERROR, ())]}
    return [
        Point(name, value, epoch)
        for name, values in (dict(history) | accuracy).items()
        for epoch, value in enumerate(values, 1)
    ]


def final(measured: Mapping[str, float]) -> list[Point]:
    """Return what was measured at the end as points of step 0, which MLflow draws as bars; without recall per class."""
    shown = {name: value for name, value in measured.items() if "/recall_percent/" not in name}
    if TEST_ERROR in shown:
        shown[TEST_ACCURACY] = _accuracy(shown[TEST_ERROR])
    return [Point(name, value, 0) for name, value in shown.items()]


def _accuracy(error_percent: float) -> float:
    return round(1 - error_percent / 100, 8)


def from_run_store(identity: RunIdentity, with_model: bool) -> FinishedRun:
    """Return a run that the run store has."""
    folder = run_store.entry(identity.digest) if with_model else None
    history = run_store.load_history(identity.digest)
    return FinishedRun(identity, history, run_store.load_provenance(identity.digest), folder)


def evaluated_runs(result: VariantResult) -> list[FinishedRun]:
    """Return the runs of an evaluated variant."""
    outputs = cache(partial(_outputs, result))  # read once, and only if a run lacks its page
    runs = []
    for index, seed in enumerate(result.seeds):
        trained = find_run(result.variant, seed.identity)
        provenance = run_store.load_provenance(seed.identity.digest)
        mistakes = partial(_mistakes, title(result.variant, seed), outputs, index)
        folder = trained.folder if trained else None
        runs.append(FinishedRun(seed.identity, seed.history, provenance, folder, seed, mistakes))
    return runs


def title(variant: str, seed: SeedResult) -> str:
    """Return the title of a run's pages."""
    return f"{variant} seed {seed.identity.seed}"


def _outputs(result: VariantResult) -> tuple[np.ndarray, Split] | None:
    """Return the probabilities of all seeds (seeds, n, 10) and the test digits, if they are here and fit."""
    try:
        probabilities, test = load_predictions(result.variant).probabilities, load_split("test")
    except LabError:
        return None
    if probabilities.shape[:2] != (len(result.seeds), len(test)):
        return None
    counts = [metrics.confusion(of_seed, test.labels).tolist() for of_seed in probabilities]
    return (probabilities, test) if counts == [seed.confusion for seed in result.seeds] else None


def _mistakes(title: str, outputs: Callable[[], tuple[np.ndarray, Split] | None], index: int) -> str | None:
    if (found := outputs()) is None:
        return None
    probabilities, test = found
    return artifacts.mistakes_page(title, probabilities[index], test)


def means_of_result(result: VariantResult, description: str) -> Means:
    """Return what the run of an evaluated variant shows."""
    history = {
        name: [round(float(value), 6) for value in learning_curve(result.seeds, name).mean]
        for name in result.seeds[0].history
    }
    names = [metric.name for metric in METRICS if metric.headline and metric.measure] + list(TEST_ERROR_INTERVAL)
    measured = {name: result.summary[name] for name in names if name in result.summary}
    measured |= {"parameters": result.parameters, "multiply_accumulates": result.multiply_accumulates}
    ends = [result.summary[name] for name in TEST_ERROR_INTERVAL if name in result.summary]
    tags = {INTERVAL_TAG: " to ".join(f"{end:.2f}" for end in ends) or "–"}
    return Means(curves(history), final(measured | {"seeds": len(result.seeds)}), description, tags)


def means_of_recipe(row: pd.Series) -> Means:
    """Return what the run of a sweep's recipe shows. row: of a table as evaluation.trials makes it."""
    measured: dict[str, float] = {}
    for column, metric in ((ERROR, VALIDATION_ERROR), (LOSS, VALIDATION_LOSS)):
        measured |= {metric: float(row[column]), f"{metric}_se": float(row[f"{column}_se"])}
    return Means([], final(measured))
