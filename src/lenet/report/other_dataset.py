"""Say whether changes that the study measured are worth the same on another data set, from a sweep on that data set."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lenet.evaluation.comparison import Estimate, Pair
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.report.changes import Changes, describe, describe_beside
from lenet.report.sweep_results import SweepResult
from lenet.report.wording import signed, signed_with_interval
from lenet.settings import Variant

# A change, and the settings that it changes or that decide what it is worth in the recipe before.
_Key = tuple[frozenset[tuple[str, tuple[object, object]]], tuple[object, ...]]


@dataclass(frozen=True)
class Worth:
    """The effect of one change of settings in a sweep, and in the study.

    changes: what changes. words: the change in words. in_sweep: the difference in validation error on the sweep's data
    set; in_study: that in test error on the study's; both in percentage points. variants: the study's two variants.
    only_in_study: what both variants have and the sweep's recipes lack, as in "max pooling"; empty if there is nothing.
    """

    changes: Changes
    words: str
    in_sweep: Estimate
    in_study: Estimate
    variants: Pair
    only_in_study: str = ""

    @property
    def verdict(self) -> str:
        """Whether the change is worth more in the sweep than in the study, in words. Empty without intervals.

        The two estimates are independent. So the interval of their difference has the half-width √(a² + b²), where a
        and b are their half-widths.
        """
        if not (self.in_sweep.has_interval and self.in_study.has_interval):
            return ""
        half_width = math.hypot(*((each.high - each.low) / 2 for each in (self.in_sweep, self.in_study)))
        difference = self.in_sweep.value - self.in_study.value
        if abs(difference) <= half_width:
            return "not detectably different"
        return "detectably more" if difference < 0 else "detectably less"


def compare(study: Study, sweep: SweepResult) -> list[Worth]:
    """Return the changes in the sweep's 2×2 designs that the study measured too, in recipes that train the same way.

    The list is empty if the sweep is on the study's own data set.
    """
    if sweep.dataset == study.dataset:
        return []
    pairs: dict[_Key, Pair] = {}
    for variant, reference in study.comparison.differences:
        key = _key(study.changes(variant, reference), study.settings.variant(reference))
        pairs.setdefault(key, (variant, reference))
    worth: dict[_Key, Worth] = {}
    for recipe, reference_recipe, in_sweep in _differences(sweep):
        changes = recipe.changes_since(reference_recipe)
        key = _key(changes, reference_recipe)
        if key in pairs and key not in worth:
            words, in_study = describe_beside(changes, reference_recipe), study.comparison.differences[pairs[key]]
            apart = describe(study.settings.variant(pairs[key][1]).changes_since(reference_recipe))
            worth[key] = Worth(changes, words, in_sweep, in_study, pairs[key], apart)
    return list(worth.values())


def _differences(sweep: SweepResult) -> Iterator[tuple[Variant, Variant, Estimate]]:
    for effects in sweep.effects:
        for (recipe, reference), estimate in effects.differences.items():
            yield sweep.recipes[recipe], sweep.recipes[reference], estimate


def _key(changes: Changes, before: Variant) -> _Key:
    return frozenset(changes.items()), (before.activation, before.optimizer, before.learning_rate, before.schedule)


def heading(study: Study, sweep: SweepResult) -> str:
    there, here = _titles(study, sweep)
    return (
        f"Are these changes worth the same on {there}? Percentage points of validation error on {there}, of test error "
        f"on {here}; 95 % intervals:"
    )


def sentence(study: Study, sweep: SweepResult, worth: Worth) -> str:
    """Return a sentence on the worth of a change on both data sets, with intervals."""
    there, here = _titles(study, sweep)
    variant, reference = worth.variants
    points = f"{signed_with_interval(worth.in_sweep)} on {there} and {signed_with_interval(worth.in_study)} on {here}"
    apart = f", with {worth.only_in_study}" if worth.only_in_study else ""
    words = worth.words[0].upper() + worth.words[1:]
    verdict = f"; {worth.verdict}" if worth.verdict else ""
    return f"{words}: {points}{apart} (`{variant}` against `{reference}`){verdict}"


def brief_sentence(study: Study, sweep: SweepResult, worths: Sequence[Worth]) -> str:
    """Return what changes are worth on both data sets, without intervals."""
    there, here = _titles(study, sweep)
    told = []
    for worth in worths:
        apart = f", with {worth.only_in_study}," if worth.only_in_study else ""
        verdict = f", {worth.verdict}" if worth.verdict else ""
        told.append(
            f"{worth.words} {signed(worth.in_sweep.value)} ({here}{apart} {signed(worth.in_study.value)}){verdict}"
        )
    return f"On {there}, in points of validation error ({here}: of test error): {'; '.join(told)}"


def _titles(study: Study, sweep: SweepResult) -> tuple[str, str]:
    return datasets.find(sweep.dataset).title, datasets.find(study.dataset).title
