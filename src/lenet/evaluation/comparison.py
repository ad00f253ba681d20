"""How sure the comparison is: intervals, paired differences, effects. Pure functions on arrays.

Two things are chance: which seeds a variant was trained from, and which digits are in the test set. Every network
meets every digit, a crossed design of random effects:

    wrong[v, s, d] = μ_v + seed_vs + digit_vd + rest_vsd        for variant v, its seed s, test digit d

The digits are the same for all variants, which pairs them. Equal seeds of two variants share the order of the training
digits; what that does to their errors cannot be told from chance, and they are taken as independent. Whatever is asked
is a contrast Σ c_v μ_v: one variant, a difference, an effect. Its estimate is that of the variants' means, its variance

    Σ c_v² (A_v − C_v) + B        A_v = s²(means of v's seeds) / S    B = s²(Σ c_v means of digits) / D
                                  C_v = s²(rest of v) / (S D)

where C is taken off because A and B both hold it (Gallas, One-shot estimate of MRMC variance, Academic Radiology 13(3),
2006). A variant's A is its own: some scatter over seeds three times as much as others, and with a pooled A the
intervals of those covered only 89 % in simulations at this study's components.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

LEVEL = 0.95

Contrast = Mapping[str, float]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Estimate:
    """A contrast's value and interval, in percent of digits; where nothing varies, or there is one seed, NaN."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return self.low <= self.high

    @property
    def is_detectable(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """All that is asked of a study.

    Each estimate in `errors` and `effects` covers in 95 % of studies; those in `differences` all do so at once.
    Errors are by variant; differences by (variant, what it is compared with), its error minus the other's; effects by
    what changes, "interaction" last.
    """

    errors: Mapping[str, Estimate]
    differences: Mapping[Pair, Estimate]
    effects: Mapping[str, Estimate]


@dataclass(frozen=True)
class Sample:
    """The moments of what was observed of each digit. All arrays but the covariances have a value per variant."""

    variants: tuple[str, ...]
    means: np.ndarray
    seed_variances: np.ndarray  # A
    seed_degrees: np.ndarray  # S − 1
    rest_variances: np.ndarray  # C
    digit_covariances: np.ndarray  # (variants, variants): of the means of digits, over D
    digit_degrees: int  # D − 1


def compare(
    wrong: Mapping[str, np.ndarray], pairs: Sequence[Pair], effects: Mapping[str, Contrast] | None = None
) -> Comparison:
    """Estimate every variant's error, the differences of the pairs, as one family, and the effects.

    wrong: variant → bool (seeds, digits), digits in one order for all; at least two digits.
    """
    sample, effects = take_sample(wrong), effects or {}
    return Comparison(
        errors=dict(zip(wrong, map(_as_error, estimate(sample, [{variant: 1} for variant in wrong])), strict=True)),
        differences=dict(zip(pairs, estimate(sample, [{a: 1, b: -1} for a, b in pairs], together=True), strict=True)),
        effects=dict(zip(effects, estimate(sample, list(effects.values())), strict=True)),
    )


def ladder_pairs(variants: Sequence[str], ladder: Sequence[str]) -> list[Pair]:
    """Return who is compared with whom: every variant with the ladder's first, and each step with the one below."""
    below = [(variant, ladder[0]) for variant in variants if variant != ladder[0]]
    steps = [(variant, one_below) for one_below, variant in pairwise(ladder)]
    return list(dict.fromkeys([*below, *steps]))


def factorial_effects(neither: str, first: str, second: str, both: str, names: Pair) -> dict[str, Contrast]:
    """Return the contrasts of a 2×2 design: each change's main effect, averaged over the other, and the interaction."""
    return {
        names[0]: {neither: -0.5, first: 0.5, second: -0.5, both: 0.5},
        names[1]: {neither: -0.5, first: -0.5, second: 0.5, both: 0.5},
        "interaction": {neither: 1, first: -1, second: -1, both: 1},
    }


def take_sample(wrong: Mapping[str, np.ndarray]) -> Sample:
    """Take the moments of wrong: variant → bool (seeds, digits), digits in one order for all."""
    of_digits = np.stack([each.mean(axis=0) for each in wrong.values()])
    digits = of_digits.shape[1]
    return Sample(
        variants=tuple(wrong),
        means=of_digits.mean(axis=1),
        seed_variances=np.array([_variance(each.mean(axis=1)) / len(each) for each in wrong.values()]),
        seed_degrees=np.array([len(each) - 1 for each in wrong.values()]),
        rest_variances=np.array([_rest_variance(each) / each.size for each in wrong.values()]),
        digit_covariances=np.atleast_2d(np.cov(of_digits)) / digits,
        digit_degrees=digits - 1,
    )


def estimate(sample: Sample, contrasts: Sequence[Contrast], together: bool = False) -> list[Estimate]:
    """Estimate contrasts with 95 % intervals; together: such that all of them cover at once (Šidák 1967).

    Raises KeyError for a contrast of an unknown variant.
    """
    c = _matrix(sample, contrasts)
    values, (between_seeds, between_digits) = c @ sample.means, _variances(sample, c)
    variances = between_seeds + between_digits
    # Satterthwaite 1946: few degrees of freedom where chance is in the seeds, many where it is in the digits.
    doubt = _weighed(c**4, sample.seed_variances**2 / np.maximum(sample.seed_degrees, 1))
    doubt += between_digits**2 / sample.digit_degrees
    degrees = np.divide(variances**2, doubt, out=np.ones_like(doubt), where=doubt > 0)
    level = LEVEL ** (1 / len(contrasts)) if together and contrasts else LEVEL
    variances[variances == 0] = np.nan  # nothing varied: nothing is known of how it would
    margins = stats.t.ppf((1 + level) / 2, degrees) * np.sqrt(variances)
    return [Estimate(*(100 * np.array([v, v - m, v + m])).tolist()) for v, m in zip(values, margins, strict=True)]


def standard_error(sample: Sample, contrast: Contrast) -> tuple[float, float]:
    """Return the value of a contrast and its standard error; of one seed, over the digits alone."""
    c = _matrix(sample, [contrast])
    between_seeds, between_digits = _variances(sample, c)
    return float((c @ sample.means)[0]), float(np.sqrt(np.nan_to_num(between_seeds) + between_digits)[0])


def _matrix(sample: Sample, contrasts: Sequence[Contrast]) -> np.ndarray:
    """Return the contrasts' coefficients: (contrasts, variants); raise KeyError for an unknown variant."""
    place = {variant: column for column, variant in enumerate(sample.variants)}
    c = np.zeros((len(contrasts), len(sample.variants)))
    for row, contrast in zip(c, contrasts, strict=True):
        for variant, coefficient in contrast.items():
            row[place[variant]] = coefficient
    return c


def _variances(sample: Sample, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what of the contrasts' variances is between seeds, NaN where there is one, and what between digits."""
    between_seeds = np.maximum(_weighed(c**2, sample.seed_variances - sample.rest_variances), 0)
    # Never negative but for rounding, where two variants err on the same digits.
    return between_seeds, np.maximum(np.einsum("kv,vw,kw->k", c, sample.digit_covariances, c), 0)


def _as_error(found: Estimate) -> Estimate:
    """Cut the interval off where no share of errors can be."""
    return Estimate(found.value, *np.clip([found.low, found.high], 0, 100).tolist())


def _weighed(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    # Not a matrix product, in which one variant's NaN would spoil the contrasts that leave it out.
    return np.where(weights == 0, 0.0, weights * values).sum(axis=1)


def _variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else float("nan")


def _rest_variance(wrong: np.ndarray) -> float:
    """Return the mean square of what neither the seed nor the digit explains."""
    seeds, digits = wrong.shape
    rest = wrong - wrong.mean(axis=1, keepdims=True) - wrong.mean(axis=0, keepdims=True) + wrong.mean()
    return float((rest**2).sum() / ((seeds - 1) * (digits - 1))) if seeds > 1 else float("nan")
