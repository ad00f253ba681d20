"""Compute the results of a sweep: the validation error and cross-entropy of each recipe.

Every recipe is also compared with the first recipe. The differences are paired by image, because every recipe is
measured on the same images in the same folds. Some differences between recipes are too small for the error, but the
cross-entropy shows them: the error changes only if a network's answer for an image becomes right or wrong.

All functions are pure functions on arrays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lenet.evaluation.comparison import (
    compare,
    compute_moments,
    factorial_effects,
    factorial_pairs,
    value_and_standard_error,
)
from lenet.evaluation.metrics import image_losses

ERROR, LOSS = "validation_error_percent", "validation_cross_entropy"


@dataclass(frozen=True)
class Trial:
    """The results of one recipe for each seed and validation image.

    wrong: bool (seeds, images), whether the image is misread. losses: float (seeds, images), the cross-entropy of
    the image in nats. The images are the validation images of all folds, one fold after the other.
    """

    wrong: np.ndarray
    losses: np.ndarray


def measure(probabilities: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Trial:
    """Return a recipe's results for each seed and validation image.

    probabilities and labels are lists with one array per fold. For a fold with n images, the arrays are: probabilities
    float32 (seeds, n, 10), labels uint8 (n,).
    """
    folds = list(zip(probabilities, labels, strict=True))
    return Trial(
        wrong=np.concatenate([outputs.argmax(axis=2) != fold_labels for outputs, fold_labels in folds], axis=1),
        losses=np.concatenate([image_losses(outputs, fold_labels) for outputs, fold_labels in folds], axis=1),
    )


def table(trials: Mapping[str, Trial]) -> pd.DataFrame:
    """Return a table with a row per recipe.

    The columns are the mean validation error, the mean cross-entropy, and for both the difference from the first
    recipe. Each of these columns has a second column with its standard error (`…_se`).
    """
    percents = [100 * trial.wrong for trial in trials.values()]
    losses = [trial.losses for trial in trials.values()]
    rows = [
        _columns(ERROR, percent, percents[0]) | _columns(LOSS, loss, losses[0])
        for percent, loss in zip(percents, losses, strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index(trials, name="recipe"))


def effects(trials: Mapping[str, Trial], four: Sequence[str]) -> pd.DataFrame:
    """Return a table of the effects of two changes in a 2×2 design, in percentage points of validation error.

    four: the names of four recipes, in this order: no change, only the first change, only the second change, both
    changes. The table has a row for the difference of each pair in `factorial_pairs`; these rows have simultaneous 95 %
    intervals. The last row is the interaction; it has a 95 % interval of its own.
    """
    neither, first, second, both = four
    interaction = factorial_effects(neither, first, second, both, ("first", "second"))["interaction"]
    wrong = {name: trials[name].wrong for name in four}
    comparison = compare(wrong, factorial_pairs(neither, first, second, both), {"interaction": interaction})
    rows = [("difference", *pair, estimate) for pair, estimate in comparison.differences.items()]
    rows.append(("interaction", both, neither, comparison.effects["interaction"]))
    return pd.DataFrame(
        [(kind, recipe, against, points.value, points.low, points.high) for kind, recipe, against, points in rows],
        columns=["kind", "of", "against", "points", "points_low", "points_high"],
    )


def _columns(name: str, values: np.ndarray, first: np.ndarray) -> dict[str, float]:
    # Each recipe has moments of its own, so that the NaN of a recipe that diverged does not spoil the others.
    mean, mean_se = value_and_standard_error(compute_moments({"recipe": values}), {"recipe": 1})
    difference, difference_se = 0.0, 0.0
    if values is not first:
        moments = compute_moments({"recipe": values, "first": first})
        difference, difference_se = value_and_standard_error(moments, {"recipe": 1, "first": -1})
    return {
        name: mean,
        f"{name}_se": mean_se,
        f"{name}_difference": difference,
        f"{name}_difference_se": difference_se,
    }
