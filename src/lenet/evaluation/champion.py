"""Rank the runs by validation error. The best run is the champion. The test set is never used for this choice."""

import math
from collections.abc import Iterable

from lenet.evaluation.results import SeedResult, VariantResult
from lenet.training.trained_run import VALIDATION_ERROR, VALIDATION_LOSS


def ranked_runs(results: Iterable[VariantResult]) -> list[tuple[VariantResult, SeedResult]]:
    """Return the runs that have a validation error, best run first, as pairs (the variant's result, the run's result).

    Runs with equal errors are ordered by seed, then by the order of `results`. Runs that diverged are left out. Runs
    that also trained on the validation split have no validation error, so they are left out too.
    """
    runs = [(result, seed) for result in results for seed in result.seeds]
    scored = [(result, seed) for result, seed in runs if _is_scored(seed)]
    return sorted(scored, key=lambda run: (validation_error(run[1]), run[1].identity.seed))


def _is_scored(seed: SeedResult) -> bool:
    # If the run diverged, its loss is NaN. Its error is still a number, because argmax of ten NaN returns 0.
    return math.isfinite(seed.history.get(VALIDATION_LOSS, [math.nan])[-1])


def validation_error(seed: SeedResult) -> float:
    """Return a run's validation error after the last epoch in percent, or NaN if the run has no validation error."""
    return seed.history.get(VALIDATION_ERROR, [math.nan])[-1]
