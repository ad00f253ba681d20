"""Read what is published about a variant: its finished runs, and the means over these runs.

The data comes from the result files and the run store.
"""

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
    """A trained run for publication. A field is None if its data is missing or must not be published.

    model_folder: contains the weights. result: what the stage `evaluate` measured. mistakes_page: a function that
    returns the HTML page of the run's most confident mistakes. The function returns None if the predictions are
    missing.
    """

    identity: RunIdentity
    history: History
    provenance: Provenance | None
    model_folder: Path | None = None
    result: SeedResult | None = None
    mistakes_page: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class Means:
    """What the MLflow run of a variant or a recipe contains: means over the finished runs, tags and a description.

    curves: the means after each epoch. final: the means after training.
    """

    curves: Sequence[Point]
    final: Sequence[Point]
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest(self.curves, self.final)


def digest(*parts: object) -> str:
    """Return a digest of published values. A later comparison of digests shows whether the values have changed."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def curve_points(history: Mapping[str, Sequence[float]]) -> list[Point]:
    """Return the points of the learning curves. The step of a point is the epoch, counted from 1.

    history: metric → value of each epoch. The validation accuracy is added: it is computed from the validation error.
    """
    accuracy = {VALIDATION_ACCURACY: [_accuracy(error) for error in history.get(VALIDATION_ERROR, ())]}
    return [
        Point(name, value, epoch)
        for name, values in (dict(history) | accuracy).items()
        for epoch, value in enumerate(values, 1)
    ]


def final_points(metrics_at_end: Mapping[str, float]) -> list[Point]:
    """Return a point at step 0 for each metric that was measured after training. MLflow draws such points as bars.

    The recall of each class is left out. The test accuracy is added: it is computed from the test error.
    """
    published = {name: value for name, value in metrics_at_end.items() if "/recall_percent/" not in name}
    if TEST_ERROR in published:
        published[TEST_ACCURACY] = _accuracy(published[TEST_ERROR])
    return [Point(name, value, 0) for name, value in published.items()]


def _accuracy(error_percent: float) -> float:
    return round(1 - error_percent / 100, 8)


def from_run_store(identity: RunIdentity, with_model: bool) -> FinishedRun:
    """Read a finished run from the run store. with_model: whether to publish the run's network too."""
    model_folder = run_store.entry(identity.digest) if with_model else None
    history = run_store.load_history(identity.digest)
    return FinishedRun(identity, history, run_store.load_provenance(identity.digest), model_folder)


def evaluated_runs(result: VariantResult) -> list[FinishedRun]:
    # The predictions file is read once for all seeds, and only if a page of mistakes must be made.
    load_predictions_and_test = cache(partial(_load_predictions_and_test, result))
    runs = []
    for index, seed in enumerate(result.seeds):
        saved_run = find_run(result.variant, seed.identity)
        provenance = run_store.load_provenance(seed.identity.digest)
        mistakes_page = partial(_mistakes_page, page_title(result.variant, seed), load_predictions_and_test, index)
        model_folder = saved_run.folder if saved_run else None
        runs.append(FinishedRun(seed.identity, seed.history, provenance, model_folder, seed, mistakes_page))
    return runs


def page_title(variant: str, seed: SeedResult) -> str:
    return f"{variant} seed {seed.identity.seed}"


def _load_predictions_and_test(result: VariantResult) -> tuple[np.ndarray, Split] | None:
    """Return the probabilities that all seeds' networks predict, (seeds, n, 10), and the test split.

    Return None if a file is missing or damaged, or if the predictions contradict the confusion matrices in `result`.
    """
    try:
        probabilities, test = load_predictions(result.variant).probabilities, load_split("test")
    except LabError:
        return None
    if probabilities.shape[:2] != (len(result.seeds), len(test)):
        return None
    counts = [metrics.confusion(seed_probabilities, test.labels).tolist() for seed_probabilities in probabilities]
    return (probabilities, test) if counts == [seed.confusion for seed in result.seeds] else None


def _mistakes_page(
    title: str, load_predictions_and_test: Callable[[], tuple[np.ndarray, Split] | None], seed_index: int
) -> str | None:
    if (predictions_and_test := load_predictions_and_test()) is None:
        return None
    probabilities, test = predictions_and_test
    return artifacts.mistakes_page(title, probabilities[seed_index], test)


def variant_means(result: VariantResult, description: str) -> Means:
    """Return the content of the MLflow run of an evaluated variant."""
    history = {
        name: [round(float(value), 6) for value in learning_curve(result.seeds, name).mean]
        for name in result.seeds[0].history
    }
    names = [metric.name for metric in METRICS if metric.measure] + list(TEST_ERROR_INTERVAL)
    metrics_at_end = {name: result.summary[name] for name in names if name in result.summary}
    metrics_at_end |= {"parameters": result.parameters, "multiply_accumulates": result.multiply_accumulates}
    interval = [result.summary[name] for name in TEST_ERROR_INTERVAL if name in result.summary]
    tags = {INTERVAL_TAG: " to ".join(f"{bound:.2f}" for bound in interval) or "–"}
    return Means(curve_points(history), final_points(metrics_at_end | {"seeds": len(result.seeds)}), description, tags)


def recipe_means(row: pd.Series) -> Means:
    """Return the content of the MLflow run of a sweep's recipe. row: the recipe's row in `evaluation.trials.table`."""
    metrics_at_end: dict[str, float] = {}
    for column, metric in ((ERROR, VALIDATION_ERROR), (LOSS, VALIDATION_LOSS)):
        metrics_at_end |= {metric: float(row[column]), f"{metric}_se": float(row[f"{column}_se"])}
    return Means([], final_points(metrics_at_end))
