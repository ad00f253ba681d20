"""Say whether changes that the study measured are worth the same on another data set, from a sweep on that data set."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lenet.evaluation.comparison import Estimate, Pair
from lenet.evaluation.study import Study
from lenet.report.changes import Changes, describe_beside
from lenet.report.sweep_results import SweepResult
from lenet.report.wording import signed_with_interval
from lenet.settings import Variant

# The settings that a change edits: (setting, (value before, value after)).
_Change = frozenset[tuple[str, tuple[object, object]]]


@dataclass(frozen=True)
class Worth:
    """The effect of one change of settings in a sweep, and in the study.

    there: the difference in validation error on the sweep's data set, here: that in test error on the study's, both in
    percentage points. variants: the variants whose difference is `here`.
    """

    change: str
    there: Estimate
    here: Estimate
    variants: Pair

    @property
    def is_more_there(self) -> bool | None:
        """Whether the change lowers the error more there than here; None if no such difference is detectable.

        The 95 % interval of the difference of the two independent estimates has the half-width √(a² + b²), where a and
        b are the estimates' half-widths.
        """
        half_width = math.hypot(*((each.high - each.low) / 2 for each in (self.there, self.here)))
        difference = self.there.value - self.here.value
        return difference < 0 if abs(difference) > half_width else None


def compare(study: Study, sweep: SweepResult) -> list[Worth]:
    """Return the changes in the sweep's 2×2 designs that the study measured too.

    The list is empty if the sweep is on the study's own data set.
    """
    if sweep.dataset == study.dataset:
        return []
    variants: dict[_Change, Pair] = {}
    for pair in study.comparison.differences:
        variants.setdefault(_key(study.changes(*pair)), pair)
    worth = {}
    for recipe, reference, there in _differences(sweep):
        changes = recipe.changes_since(reference)
        if _key(changes) in variants:
            name, pair = describe_beside(changes, reference), variants[_key(changes)]
            worth[name] = Worth(name, there, study.comparison.differences[pair], pair)
    return list(worth.values())


def _differences(sweep: SweepResult) -> Iterator[tuple[Variant, Variant, Estimate]]:
    for effects in sweep.effects:
        for (recipe, reference), estimate in effects.differences.items():
            yield sweep.recipes[recipe], sweep.recipes[reference], estimate


def _key(changes: Changes) -> _Change:
    return frozenset(changes.items())


def sentence(worth: Worth, there: str, here: str) -> str:
    """Return a sentence on the worth of a change. there, here: the titles of the two data sets."""
    verdict = {None: "no detectable difference", True: f"worth more on {there}", False: f"worth less on {there}"}
    points = f"{signed_with_interval(worth.there)} on {there}, {signed_with_interval(worth.here)} on {here}"
    return f"{worth.change}: {points}: {verdict[worth.is_more_there]}"


def heading(there: str, here: str) -> str:
    return (
        f"Are these changes worth the same on {there}? Percentage points of validation error on {there}, of test error "
        f"on {here}; 95 % intervals:"
    )
