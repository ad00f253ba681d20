"""The table of metrics, and the functions that compute the test metrics. All functions are pure functions on arrays.

To add a metric of the test set, add one entry to `METRICS`. Probabilities are float32 (n, 10), one row per image.
Labels are uint8 (n,), 0 to 9. To compute a mean, the values of all images are added in float64, and the sum is divided
once by the number of images. So every image has the same weight.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lenet.training.trained_run import TRAIN_ERROR, VALIDATION_ERROR

CLASSES = 10
CALIBRATION_BINS = 15
# A smaller probability counts as this one, so that the loss stays finite if the float32 softmax underflows.
_SMALLEST_PROBABILITY = 1e-7


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count images by actual class (rows) and predicted class (columns): int (10, 10)."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1)
    return counts


def error_percent(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the percentage of misread images. An image is misread if the most probable class is not its label."""
    return 100 * int((probabilities.argmax(axis=1) != labels).sum()) / len(labels)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the cross-entropy in nats: the mean over the images of −ln(probability of the actual class)."""
    return float(image_losses(probabilities, labels).mean())


def image_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the cross-entropy of each image in nats: float64 (…, n), from probabilities (…, n, 10)."""
    of_actual_class = probabilities[..., np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(of_actual_class, _SMALLEST_PROBABILITY))


def recall_percent(counts: np.ndarray) -> np.ndarray:
    """Return the recall of each class: the percentage of the class's images that are read correctly.

    counts: what `confusion` returns.
    """
    return 100 * counts.diagonal() / counts.sum(axis=1)


def calibration_error_percent(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, in percentage points.

    The confidence of an image is its largest probability. Images are grouped into `bins` equally wide bins of
    confidence; a bin includes its upper edge. Each bin's gap is weighted by the number of its images. Return NaN if a
    probability is not finite. Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    if not np.isfinite(confidence).all():
        return math.nan
    correct = probabilities.argmax(axis=1) == labels
    bin_of_image = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(bin_of_image, weights=correct - confidence, minlength=bins)
    return float(100 * np.abs(gap).sum() / len(labels))


def percent_of_actual(confusion_counts: ArrayLike) -> np.ndarray:
    """Divide each confusion count by the number of images in its row; return percentages: float64 (10, 10).

    confusion_counts: (10, 10), a row per actual class. If a class has no images, all percentages in its row are 0.
    """
    counts = np.asarray(confusion_counts)
    return 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation (divisor n − 1).

    The standard deviation of a single value is None. If a value is not finite, for example because a run diverged, the
    mean is NaN. Then the standard deviation of several values is NaN, too.
    """
    if not all(map(math.isfinite, values)):
        return math.nan, math.nan if len(values) > 1 else None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class Metric:
    """A metric: its name, how it is measured, and where it is shown.

    measure: the function that computes the metric from a run's probabilities and the labels of the test set. None if
    training measures the metric after each epoch. statistics: which statistics over the seeds ("mean", "sd") have a
    column in comparison.csv.
    """

    name: str  # in history.csv, reports/details and MLflow
    meaning: str  # in the description of the MLflow experiment
    statistics: tuple[str, ...]
    column: str  # the prefix of the metric's columns in comparison.csv
    measure: Callable[[np.ndarray, np.ndarray], float] | None = None


TEST_ERROR, TEST_LOSS, CALIBRATION_ERROR = "test/error_percent", "test/loss", "test/calibration_error_percent"
# The lower and upper end of the 95 % interval of a variant's mean test error.
TEST_ERROR_INTERVAL = (f"{TEST_ERROR}_low", f"{TEST_ERROR}_high")

METRICS = (
    Metric(
        TRAIN_ERROR,
        meaning="the share of training images misread during the last epoch, in percent",
        statistics=("mean",),
        column="train_error_percent",
    ),
    Metric(
        VALIDATION_ERROR,
        meaning="the share of validation images misread, in percent; it chooses the champion",
        statistics=("mean", "sd"),
        column="validation_error_percent",
    ),
    Metric(
        TEST_ERROR,
        meaning="the share of test images misread, in percent",
        measure=error_percent,
        statistics=("mean", "sd"),
        column="test_error_percent",
    ),
    Metric(
        TEST_LOSS,
        meaning="mean cross-entropy on the test set, in nats",
        measure=cross_entropy,
        statistics=("mean",),
        column="test_loss",
    ),
    Metric(
        CALIBRATION_ERROR,
        meaning="expected calibration error: the mean gap between confidence and accuracy, in percentage points",
        measure=calibration_error_percent,
        statistics=("mean",),
        column="calibration_error_percent",
    ),
)
