"""The results of a study, read from the files in reports/ that git tracks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lenet.errors import LabError
from lenet.evaluation.comparison import (
    Comparison,
    Contrast,
    Estimate,
    Pair,
    compare,
    factorial_effects,
    factorial_pairs,
    ladder_pairs,
    prediction_interval,
)
from lenet.evaluation.misread import Misread, load_misread
from lenet.evaluation.results import VariantResult, load_result
from lenet.evaluation.writers import Writers, load_writers
from lenet.settings import Published, Settings


@dataclass(frozen=True)
class Study:
    """The results of variants, all evaluated on the same test set.

    results: variant → its results. misread: variant → its misread images. Both have the same order: that of the
    variants passed to `load_study`.
    """

    settings: Settings
    results: Mapping[str, VariantResult]
    misread: Mapping[str, Misread]

    @property
    def ladder(self) -> list[str]:
        """The variants of `comparison.ladder` in params.yaml that are in this study, in the same order.

        If there are none, the list has only the study's first variant.
        """
        named = [variant for variant in self.settings.comparison.ladder if variant in self.results]
        return named or list(self.results)[:1]

    @property
    def baseline(self) -> str:
        """The variant that all others are compared with: the first variant of `ladder`."""
        return self.ladder[0]

    @property
    def dataset(self) -> str:
        return self.results[self.baseline].dataset

    @property
    def published(self) -> Mapping[str, Published]:
        """Variant → its published test error. Empty if the data set is not MNIST: published errors are for MNIST."""
        reported = self.settings.comparison.published if self.dataset == "mnist" else {}
        return {variant: error for variant, error in reported.items() if variant in self.results}

    @property
    def original(self) -> str:
        """The variant that the report shows as the network of 1998.

        If `comparison.original` of params.yaml is in the study, it is that variant. Otherwise, it is the baseline.
        """
        named = self.settings.comparison.original
        return named if named and named in self.results else self.baseline

    @property
    def top(self) -> str:
        """The variant shown as today's network: the last variant of `ladder`."""
        return self.ladder[-1]

    @property
    def featured(self) -> list[str]:
        """The variants that the report shows in detail: `original`, `baseline` and `top`, without repetition."""
        return list(dict.fromkeys([self.original, self.baseline, self.top]))

    @property
    def primary(self) -> Pair | None:
        """The primary comparison as (variant, reference).

        It is None if params.yaml has no primary comparison, or if one of the two variants is not in the study.
        """
        pair = self.settings.comparison.primary
        return (pair[0], pair[1]) if pair and set(pair) <= set(self.results) else None

    @property
    def widened_count(self) -> int:
        """The number of differences whose intervals are simultaneous: all but the primary one."""
        return len(self.comparison.differences) - bool(self.primary)

    @property
    def factorial(self) -> tuple[str, ...]:
        """The four variants of the 2×2 design, which measures two changes alone and together.

        The order is: no change, only the first change, only the second change, both changes. The tuple is empty if any
        of the four variants is not in the study.
        """
        four = self.settings.comparison.factorial
        return four if set(four) <= set(self.results) else ()

    @cached_property
    def writers(self) -> Writers:
        return load_writers(self.dataset, self.results[self.baseline].test_size)

    @cached_property
    def wrong(self) -> Mapping[str, np.ndarray]:
        """Variant → whether each seed's network misreads each test image: bool (seeds, images)."""
        test_size = self.results[self.baseline].test_size
        return {variant: misread.wrong(test_size) for variant, misread in self.misread.items()}

    @cached_property
    def comparison(self) -> Comparison:
        pairs = ladder_pairs(list(self.results), self.ladder)
        if self.original not in (self.baseline, self.top):
            pairs.append((self.top, self.original))
        if self.factorial:
            pairs += [pair for pair in factorial_pairs(*self.factorial) if pair not in pairs]
        return compare(self.wrong, pairs, self._effects(), self.writers, self.primary)

    def against_baseline(self, variant: str) -> Estimate | None:
        """Return the variant's difference from the baseline in percentage points, or None for the baseline itself."""
        return self.comparison.differences.get((variant, self.baseline))

    def prediction(self, variant: str) -> Estimate:
        """Return the variant's mean test error, and the 95 % interval for the error of one more run, in percent."""
        return prediction_interval(100 * self.wrong[variant].mean(axis=1))

    def agrees_with_published(self, variant: str) -> bool | None:
        """Whether the published error could be one more run here; None if there is no prediction interval.

        If the publication rounds its error, at least one error that rounds to it must lie in the interval.
        """
        interval = self.prediction(variant)
        if not interval.has_interval:
            return None
        lowest, highest = self.published[variant].ends
        return bool(interval.low <= highest and lowest <= interval.high)

    def errors_by_group(self, variant: str) -> dict[str, float]:
        """Return the variant's test error, in percent, on the images of each group of writers: {group: error}.

        The dictionary is empty if the writers are not known.
        """
        return self.writers.group_means(100 * self.wrong[variant].mean(axis=0)) if self.writers.are_known else {}

    def changes(self, variant: str, since: str) -> dict[str, tuple[object, object]]:
        """Return the settings that differ between two variants: setting → (value in `since`, value in `variant`)."""
        return self.settings.variant(variant).changes_since(self.settings.variant(since))

    def _effects(self) -> dict[str, Contrast]:
        if not self.factorial:
            return {}
        neither, first, second, both = self.factorial
        # A change is named by the first setting that differs, because others follow from it: Adam needs its own rate.
        first_name, second_name = (next(iter(self.changes(variant, neither)), variant) for variant in (first, second))
        return factorial_effects(
            neither, first, second, both, (first_name, second_name) if first_name != second_name else (first, second)
        )


def load_study(settings: Settings, variants: Sequence[str]) -> Study:
    """Read the results of variants from reports/details/ and reports/misread/.

    Raises LabError if a file is missing, if the results are on different data sets, or if a variant's two files
    contradict each other.
    """
    results = {variant: load_result(variant) for variant in variants}
    if len(names := sorted({result.dataset for result in results.values()})) > 1:
        raise LabError(
            f"reports/ has results on {' and '.join(names)}, which cannot be compared: run `make repro` for all"
        )
    misread = {variant: load_misread(variant) for variant in variants}
    for variant, table in misread.items():
        wrong = (table.answers != table.labels).sum(axis=1).tolist()
        expected = [seed.misread for seed in results[variant].seeds]
        if wrong != expected:
            raise LabError(
                f"reports/misread/{variant}.csv does not agree with reports/details/{variant}.json: its seeds misread "
                f"{wrong} images, expected {expected}: run `. .venv/bin/activate && dvc repro --force --single-item "
                f"evaluate@{variant}`"
            )
    return Study(settings, results, misread)
