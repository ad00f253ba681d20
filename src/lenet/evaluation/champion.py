"""Which trained network is the best one: chosen by validation error, never by the test set."""

import math
from collections.abc import Iterable

from lenet.evaluation.results import SeedResult, VariantResult
from lenet.training.trained_run import VALIDATION_ERROR, VALIDATION_LOSS


def ranked(results: Iterable[VariantResult]) -> list[tuple[VariantResult, SeedResult]]:
    """Return the runs that have a validation error, each with its variant, best first.

    Of equal runs the lowest seed comes first, then the first variant given. Runs that trained on the validation split
    too have no validation error, and that of a run that diverged does not count.
    """
    runs = [(result, seed) for result in results for seed in result.seeds]
    scored = [(result, seed) for result, seed in runs if _is_scored(seed)]
    return sorted(scored, key=lambda run: (validation_error(run[1]), run[1].identity.seed))


def _is_scored(seed: SeedResult) -> bool:
    # The loss tells of divergence: the class of ten probabilities that are NaN is 0, so the error is a number.
    return math.isfinite(seed.history.get(VALIDATION_LOSS, [math.nan])[-1])


def validation_error(seed: SeedResult) -> float:
    """Return a run's validation error in percent after its last epoch, NaN where there is none."""
    return seed.history.get(VALIDATION_ERROR, [math.nan])[-1]
