"""What a network's predictions are worth: pure functions on arrays.

Throughout, probabilities are float32 (n, 10), one row per digit, and labels are uint8 (n,), 0–9. Sums are taken in
float64 over all examples and divided once, so that no batch weighs more than its examples.
"""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

CLASSES = 10
CALIBRATION_BINS = 15
# Below this a float32 softmax has underflowed; the loss stays finite.
_SMALLEST_PROBABILITY = 1e-7


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count digits by actual class (rows) and predicted class (columns): int (10, 10)."""
    return confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(CLASSES))


def error_percent(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of digits whose most probable class is not theirs, in percent."""
    _require_examples(labels)
    return 100 * int((probabilities.argmax(axis=1) != labels).sum()) / len(labels)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative natural logarithm of the probability given to the actual class."""
    _require_examples(labels)
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, _SMALLEST_PROBABILITY)).mean())


def recall_percent(counts: np.ndarray) -> np.ndarray:
    """Return, per class, the share of its digits recognised as such, in percent; NaN for a class without digits."""
    totals = counts.sum(axis=1)
    return 100 * np.divide(counts.diagonal(), totals, out=np.full(len(counts), np.nan), where=totals > 0)


def calibration_error_percent(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy, in percentage points.

    Digits are put into `bins` equally wide bins of confidence, open below; bins weigh by their digits.
    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    _require_examples(labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    if not np.isfinite(confidence).all():
        return math.nan
    correct = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=correct - confidence, minlength=bins)
    return float(100 * np.abs(gap).sum() / len(labels))


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation (n − 1), which a single value does not have.

    Where a value is not finite, as after a training that diverged, neither are they.
    """
    if not all(map(math.isfinite, values)):
        return math.nan, math.nan if len(values) > 1 else None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _require_examples(labels: np.ndarray) -> None:
    if len(labels) == 0:
        raise ValueError("no examples: a share of none is not a number")
