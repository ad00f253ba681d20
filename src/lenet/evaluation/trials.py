"""What a sweep's trials gave: each recipe on the validation digits, and against the first. Pure functions on arrays.

Differences are paired by digit: every recipe meets the same ones, in the same folds. The cross-entropy sees far smaller
differences than the error, which counts only digits that change sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lenet.evaluation.comparison import Sample, standard_errors, take_sample
from lenet.evaluation.metrics import digit_losses

ERROR, LOSS = "validation_error_percent", "validation_cross_entropy"


@dataclass(frozen=True)
class Trial:
    """The runs of one recipe. Both arrays: float (seeds, digits), the validation digits of all folds end to end.

    wrong: 1 for a digit that is misread, or 0. losses: in nats.
    """

    wrong: np.ndarray
    losses: np.ndarray


def measure(probabilities: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Trial:
    """Measure a recipe. Of each fold: probabilities float32 (seeds, n, 10), labels uint8 (n,)."""
    pairs = list(zip(probabilities, labels, strict=True))
    return Trial(
        wrong=np.concatenate([of_fold.argmax(axis=2) != actual for of_fold, actual in pairs], axis=1).astype(float),
        losses=np.concatenate([digit_losses(of_fold, actual) for of_fold, actual in pairs], axis=1),
    )


def table(trials: Mapping[str, Trial]) -> pd.DataFrame:
    """Return a row per recipe, by name: means, differences from the first, and their standard errors (`…_se`)."""
    errors = take_sample({name: 100 * trial.wrong for name, trial in trials.items()})
    losses = take_sample({name: trial.losses for name, trial in trials.items()})
    return pd.DataFrame(_columns(ERROR, errors) | _columns(LOSS, losses), index=pd.Index(trials, name="recipe"))


def _columns(name: str, sample: Sample) -> dict[str, np.ndarray]:
    first, *others = sample.variants
    means, of_means = standard_errors(sample, [{variant: 1} for variant in sample.variants])
    differences, of_differences = standard_errors(sample, [{variant: 1, first: -1} for variant in others])
    return {
        name: means,
        f"{name}_se": of_means,
        f"{name}_difference": np.insert(differences, 0, 0),
        f"{name}_difference_se": np.insert(of_differences, 0, 0),
    }
