"""The table of metrics, and how those of the test set are computed: pure functions on arrays.

A new metric is one entry in `METRICS`. Probabilities are float32 (n, 10), one row per digit, and labels are uint8 (n,),
0–9. Sums are taken in float64 over all examples and divided once, so that every example has the same weight.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lenet.training.trained_run import TRAIN_ERROR, TRAIN_LOSS, VALIDATION_ERROR, VALIDATION_LOSS

CLASSES = 10
CALIBRATION_BINS = 15
# Below this a float32 softmax has underflowed; the loss stays finite.
_SMALLEST_PROBABILITY = 1e-7


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count digits by actual class (rows) and predicted class (columns): int (10, 10)."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1)
    return counts


def error_percent(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of digits whose most probable class is not theirs, in percent."""
    return 100 * int((probabilities.argmax(axis=1) != labels).sum()) / len(labels)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative natural logarithm of the probability given to the actual class."""
    return float(image_losses(probabilities, labels).mean())


def image_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return each digit's cross-entropy, of probabilities (…, n, 10): float64 (…, n)."""
    given = probabilities[..., np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(given, _SMALLEST_PROBABILITY))


def recall_percent(counts: np.ndarray) -> np.ndarray:
    """Return, per class, the share of its digits recognised as such, in percent."""
    return 100 * counts.diagonal() / counts.sum(axis=1)


def calibration_error_percent(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, in percentage points.

    Digits are put into `bins` equally wide bins of confidence, open below; bins weigh by their digits.
    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    if not np.isfinite(confidence).all():
        return math.nan
    correct = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=correct - confidence, minlength=bins)
    return float(100 * np.abs(gap).sum() / len(labels))


def percent_of_actual(confusion_counts: ArrayLike) -> np.ndarray:
    """Return confusion counts (10, 10) in percent of the digits of the actual class: float64, zero where none are."""
    counts = np.asarray(confusion_counts)
    return 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation (n − 1), which a single value does not have.

    Where a value is not finite, as after a training that diverged, neither are they.
    """
    if not all(map(math.isfinite, values)):
        return math.nan, math.nan if len(values) > 1 else None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class Metric:
    """What there is to know of a metric.

    `measure` computes it from a run's probabilities and the labels of the test set; without one, training measures it
    after each epoch. `statistics` are the columns that comparison.csv has of it, over the seeds.
    """

    name: str  # in history.csv, in details and in MLflow
    title: str  # in tables
    meaning: str  # on MLflow's page of the experiment
    measure: Callable[[np.ndarray, np.ndarray], float] | None = None
    headline: bool = False  # whether the run of a variant in MLflow shows its mean
    statistics: tuple[str, ...] = ()
    column: str = ""  # what its columns in comparison.csv begin with


TEST_ERROR, TEST_LOSS, CALIBRATION_ERROR = "test/error_percent", "test/loss", "test/calibration_error_percent"
# The ends of the 95 % interval of a variant's mean test error.
TEST_ERROR_INTERVAL = (f"{TEST_ERROR}_low", f"{TEST_ERROR}_high")

METRICS = (
    Metric(
        TRAIN_ERROR,
        title="training",
        meaning="the share of training digits misread during the last epoch, in percent",
        headline=True,
        statistics=("mean",),
        column="train_error_percent",
    ),
    Metric(
        VALIDATION_ERROR,
        title="validation",
        meaning="the share of validation digits misread, in percent; it chooses the champion",
        headline=True,
        statistics=("mean", "sd"),
        column="validation_error_percent",
    ),
    Metric(
        TEST_ERROR,
        title="test",
        meaning="the share of test digits misread, in percent",
        measure=error_percent,
        headline=True,
        statistics=("mean", "sd"),
        column="test_error_percent",
    ),
    Metric(
        TEST_LOSS,
        title="test cross-entropy",
        meaning="mean cross-entropy on the test set, in nats",
        measure=cross_entropy,
        headline=True,
        statistics=("mean",),
        column="test_loss",
    ),
    Metric(
        CALIBRATION_ERROR,
        title="calibration error",
        meaning="expected calibration error: the mean gap between confidence and accuracy, in percentage points",
        measure=calibration_error_percent,
        headline=True,
        statistics=("mean",),
        column="calibration_error_percent",
    ),
    Metric(TRAIN_LOSS, title="training cross-entropy", meaning="mean cross-entropy on the training digits"),
    Metric(VALIDATION_LOSS, title="validation cross-entropy", meaning="the same on the validation split"),
)
METRIC = {metric.name: metric for metric in METRICS}
