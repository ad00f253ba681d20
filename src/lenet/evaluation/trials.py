"""What a sweep's trials gave: each recipe on the validation digits, and against the first. Pure functions on arrays.

Differences are paired by digit: every recipe meets the same ones, in the same folds. The cross-entropy sees far smaller
differences than the error, which counts only digits that change sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lenet.evaluation.comparison import compare, factorial_effects, factorial_pairs, standard_error, take_sample
from lenet.evaluation.metrics import image_losses

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
        losses=np.concatenate([image_losses(of_fold, actual) for of_fold, actual in pairs], axis=1),
    )


def table(trials: Mapping[str, Trial]) -> pd.DataFrame:
    """Return a row per recipe, by name: means, differences from the first, and their standard errors (`…_se`)."""
    percents = [100 * trial.wrong for trial in trials.values()]
    losses = [trial.losses for trial in trials.values()]
    rows = [
        _columns(ERROR, of_recipe, percents[0]) | _columns(LOSS, loss, losses[0])
        for of_recipe, loss in zip(percents, losses, strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index(trials, name="recipe"))


def effects(trials: Mapping[str, Trial], four: Sequence[str]) -> pd.DataFrame:
    """Return what two changes are worth in a 2×2 design, in points of validation error, with 95 % intervals.

    four: the recipes with neither change, the first, the second, both. A row for each change alone and where the other
    is made too, for both, whose intervals are simultaneous, and for the interaction.
    """
    neither, first, second, both = four
    interaction = factorial_effects(neither, first, second, both, ("first", "second"))["interaction"]
    wrong = {name: trials[name].wrong for name in four}
    comparison = compare(wrong, factorial_pairs(neither, first, second, both), {"interaction": interaction})
    rows = [("difference", *pair, estimate) for pair, estimate in comparison.differences.items()]
    rows.append(("interaction", both, neither, comparison.effects["interaction"]))
    return pd.DataFrame(
        [(kind, one, other, estimate.value, estimate.low, estimate.high) for kind, one, other, estimate in rows],
        columns=["kind", "of", "against", "points", "points_low", "points_high"],
    )


def _columns(name: str, values: np.ndarray, first: np.ndarray) -> dict[str, float]:
    # Apart for each recipe, so that one that diverged does not spoil the others.
    mean, of_mean = standard_error(take_sample({"recipe": values}), {"recipe": 1})
    difference, of_difference = 0.0, 0.0
    if values is not first:
        pair = take_sample({"recipe": values, "first": first})
        difference, of_difference = standard_error(pair, {"recipe": 1, "first": -1})
    return {
        name: mean,
        f"{name}_se": of_mean,
        f"{name}_difference": difference,
        f"{name}_difference_se": of_difference,
    }
