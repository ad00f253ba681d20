"""All results of a study, as plot and the commands read them from what is committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lenet.errors import LabError
from lenet.evaluation.comparison import (
    Comparison,
    Contrast,
    Pair,
    compare,
    factorial_effects,
    factorial_pairs,
    ladder_pairs,
)
from lenet.evaluation.misread import Misread, load_misread
from lenet.evaluation.results import VariantResult, load_result
from lenet.evaluation.writers import Writers, load_writers
from lenet.settings import Published, Settings


@dataclass(frozen=True)
class Study:
    """Variants of params.yaml, in its order, evaluated on one test set."""

    settings: Settings
    results: Mapping[str, VariantResult]
    misread: Mapping[str, Misread]

    @property
    def ladder(self) -> list[str]:
        """The ladder's variants that are in the study, lowest first."""
        return [variant for variant in self.settings.comparison.ladder if variant in self.results]

    @property
    def base(self) -> str:
        """The variant that all others are compared with: the first of the ladder, or else of the study."""
        return (self.ladder or list(self.results))[0]

    @property
    def dataset(self) -> str:
        return self.results[self.base].dataset

    @property
    def published(self) -> Mapping[str, Published]:
        """The test errors that others report for variants of the study; all of them are on MNIST."""
        reported = self.settings.comparison.published if self.dataset == "mnist" else {}
        return {variant: error for variant, error in reported.items() if variant in self.results}

    @property
    def original(self) -> str:
        """The variant shown as the network of 1998: `comparison.original`, or the base without it."""
        named = self.settings.comparison.original
        return named if named and named in self.results else self.base

    @property
    def top(self) -> str:
        """The variant shown as today's network: the last of the ladder."""
        return (self.ladder or [self.base])[-1]

    @property
    def featured(self) -> list[str]:
        """The variants that the report shows in detail: the old one, the base and the new one."""
        return list(dict.fromkeys([self.original, self.base, self.top]))

    @property
    def primary(self) -> Pair | None:
        """The difference that the study is about: a variant, and what it is compared with."""
        pair = self.settings.comparison.primary
        return (pair[0], pair[1]) if pair and set(pair) <= set(self.results) else None

    @property
    def factorial(self) -> tuple[str, ...]:
        """The four variants of the 2×2: neither change, the first, the second, both; or none."""
        four = self.settings.comparison.factorial
        return four if set(four) <= set(self.results) else ()

    @cached_property
    def writers(self) -> Writers:
        return load_writers(self.dataset, self.results[self.base].test_size)

    @cached_property
    def wrong(self) -> Mapping[str, np.ndarray]:
        """Variant → whether the network of a seed misreads a test digit: bool (seeds, digits)."""
        test_size = self.results[self.base].test_size
        return {variant: misread.wrong(test_size) for variant, misread in self.misread.items()}

    @cached_property
    def comparison(self) -> Comparison:
        pairs = ladder_pairs(list(self.results), self.ladder or [self.base])
        if self.original not in (self.base, self.top):
            pairs.append((self.top, self.original))
        if self.factorial:
            pairs += [pair for pair in factorial_pairs(*self.factorial) if pair not in pairs]
        return compare(self.wrong, pairs, self._effects(), self.writers, self.primary)

    def by_group(self, variant: str) -> dict[str, float]:
        """Return the test error in percent on the digits of each group of writers; empty if they are not known."""
        return self.writers.means(100 * self.wrong[variant].mean(axis=0)) if self.writers.are_known else {}

    def changes(self, variant: str, since: str) -> dict[str, tuple[object, object]]:
        """Return what differs in a variant's settings: name → (value in `since`, value in `variant`)."""
        before, now = (self.settings.variant(name).model_dump() for name in (since, variant))
        return {name: (before[name], now[name]) for name in now if before[name] != now[name]}

    def _effects(self) -> dict[str, Contrast]:
        if not self.factorial:
            return {}
        neither, first, second, both = self.factorial
        # Named by the first setting that differs: Adam's learning rate goes with Adam.
        one, other = (next(iter(self.changes(variant, neither)), variant) for variant in (first, second))
        return factorial_effects(neither, first, second, both, (one, other) if one != other else (first, second))


def load_study(settings: Settings, variants: Sequence[str]) -> Study:
    """Read the results of variants; raise LabError if files are missing or do not belong together."""
    results = {variant: load_result(variant) for variant in variants}
    misread = {variant: load_misread(variant) for variant in variants}
    for variant, table in misread.items():
        wrong = (table.answers != table.labels).sum(axis=1).tolist()
        expected = [seed.misread for seed in results[variant].seeds]
        if wrong != expected:
            raise LabError(
                f"reports/misread/{variant}.csv is not of these results: its seeds misread {wrong} digits, expected "
                f"{expected}: run `dvc repro --force evaluate@{variant}`"
            )
    return Study(settings, results, misread)
