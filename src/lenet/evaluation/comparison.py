"""How sure the comparison is: intervals, paired differences, effects. Pure functions on arrays.

Two things are chance: which seeds a variant was trained from, and whose digits are in the test set. Digits of one
writer are misread together, so it is the writers that count, not the digits (writers.py). Every network meets every
writer, a crossed design of random effects:

    wrong[v, s, d] = μ_v + seed_vs + writer_vw + digit_vd + both_vsw + rest_vsd   variant v, seed s, digit d of writer w

The digits are the same for all variants, which pairs them. Equal seeds of two variants share the order of the training
digits, and initial weights where the networks are alike; no correlation of their errors is seen, and they are taken as
independent. Whatever is asked is a contrast Σ c_v μ_v: one variant, a difference, an effect. Its estimate is that of
the variants' means, its variance

    Σ c_v² (A_v − C_v) + B      A_v = s²(means of v's seeds) / S      B = Σ (Σ c_v t_vw)²      C_v = Σ u_vsw² / S(S−1)

where t_vw adds up by how much the writer's digits are above the mean of the writer's group, divided by D, and u_vsw
does so with what neither seed nor digit explains, both times √(n/(n−1)), n the writers of the group. C is taken off
because A and B both hold it: two-way clustering (Cameron, Gelbach and Miller, Robust Inference With Multiway
Clustering, 2011); with one digit per writer, the one-shot estimate of Gallas (Academic Radiology 13(3), 2006). Groups
are strata: half of MNIST's test digits are of each. A variant's A is its own: some scatter over seeds three times as
much as others, and with a pooled A the intervals of those covered only 89 % in simulations of this study.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import special

from lenet.evaluation.writers import Writers, unknown_writers

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

    Each estimate in `errors` and `effects` covers in 95 % of studies, and so does that of the primary difference; all
    others in `differences` do so at once. Errors are by variant; differences by (variant, what it is compared with),
    its error minus the other's, the primary one first; effects by what changes, "interaction" last.
    """

    errors: Mapping[str, Estimate]
    differences: Mapping[Pair, Estimate]
    effects: Mapping[str, Estimate]


@dataclass(frozen=True)
class Sample:
    """The moments of what was observed of each digit. All arrays but the last three have a value per variant."""

    variants: tuple[str, ...]
    means: np.ndarray
    seed_variances: np.ndarray  # A
    seed_degrees: np.ndarray  # S − 1
    rest_variances: np.ndarray  # C
    writer_totals: np.ndarray  # t: (variants, writers)
    digit_covariances: np.ndarray  # (variants, variants): what B would be if digits were independent
    writer_sizes: np.ndarray  # how many digits each writer wrote


def compare(
    wrong: Mapping[str, np.ndarray],
    pairs: Sequence[Pair],
    effects: Mapping[str, Contrast] | None = None,
    writers: Writers | None = None,
    primary: Pair | None = None,
) -> Comparison:
    """Estimate every variant's error, the primary difference, those of the other pairs, as one family, and the effects.

    wrong: variant → bool (seeds, digits), digits in one order for all; at least two digits. Without writers each digit
    has one of its own.
    """
    sample, effects = take_sample(wrong, writers), effects or {}
    first, family = [primary] if primary else [], [pair for pair in pairs if pair != primary]
    return Comparison(
        errors=dict(zip(wrong, map(_as_error, estimate(sample, [{variant: 1} for variant in wrong])), strict=True)),
        differences=_differences(sample, first) | _differences(sample, family, together=True),
        effects=dict(zip(effects, estimate(sample, list(effects.values())), strict=True)),
    )


def _differences(sample: Sample, pairs: Sequence[Pair], together: bool = False) -> dict[Pair, Estimate]:
    return dict(zip(pairs, estimate(sample, [{a: 1, b: -1} for a, b in pairs], together), strict=True))


def ladder_pairs(variants: Sequence[str], ladder: Sequence[str]) -> list[Pair]:
    """Return who is compared with whom: every variant with the ladder's first, and each step with the one below."""
    below = [(variant, ladder[0]) for variant in variants if variant != ladder[0]]
    steps = [(variant, one_below) for one_below, variant in pairwise(ladder)]
    return list(dict.fromkeys([*below, *steps]))


def factorial_pairs(neither: str, first: str, second: str, both: str) -> list[Pair]:
    """Return who is compared with whom in a 2×2 design: each change alone, and where the other is made too; both."""
    return [(first, neither), (both, second), (second, neither), (both, first), (both, neither)]


def factorial_effects(neither: str, first: str, second: str, both: str, names: Pair) -> dict[str, Contrast]:
    """Return the contrasts of a 2×2 design: each change's main effect, averaged over the other, and the interaction."""
    return {
        names[0]: {neither: -0.5, first: 0.5, second: -0.5, both: 0.5},
        names[1]: {neither: -0.5, first: -0.5, second: 0.5, both: 0.5},
        "interaction": {neither: 1, first: -1, second: -1, both: 1},
    }


def take_sample(wrong: Mapping[str, np.ndarray], writers: Writers | None = None) -> Sample:
    """Take the moments of wrong: variant → bool (seeds, digits), digits in one order for all."""
    of_digits = np.stack([each.mean(axis=0) for each in wrong.values()])
    digits = of_digits.shape[1]
    writers = writers or unknown_writers(digits)
    return Sample(
        variants=tuple(wrong),
        means=of_digits.mean(axis=1),
        seed_variances=np.array([_variance(each.mean(axis=1)) / len(each) for each in wrong.values()]),
        seed_degrees=np.array([len(each) - 1 for each in wrong.values()]),
        rest_variances=np.array([_rest_variance(each, writers) for each in wrong.values()]),
        writer_totals=_totals(of_digits, writers),
        digit_covariances=np.atleast_2d(np.cov(of_digits)) / digits,
        writer_sizes=np.bincount(writers.writer_of_image),
    )


def _totals(values: np.ndarray, writers: Writers) -> np.ndarray:
    """Return each writer's sum of what is above the group's mean, over the digits: (…, digits) → (…, writers).

    Scaled so that its squares sum to an unbiased variance.
    """
    groups = writers.groups[writers.writer_of_image]
    rows = values.reshape(-1, values.shape[-1])
    means = np.stack([np.bincount(groups, row) for row in rows]) / np.bincount(groups)
    above = rows - means[:, groups]
    totals = np.stack([np.bincount(writers.writer_of_image, row) for row in above]) / values.shape[-1]
    count = np.bincount(writers.groups)
    scale = np.sqrt(count / np.maximum(count - 1, 1))[writers.groups]
    return (totals * scale).reshape(*values.shape[:-1], -1)


def estimate(sample: Sample, contrasts: Sequence[Contrast], together: bool = False) -> list[Estimate]:
    """Estimate contrasts with 95 % intervals. together: whether the intervals are simultaneous (Šidák 1967)."""
    c = _matrix(sample, contrasts)
    values, (between_seeds, between_writers) = c @ sample.means, _variances(sample, c)
    variances = between_seeds + between_writers
    # Satterthwaite 1946: few degrees of freedom where chance is in the seeds, many where it is in the writers.
    doubt = _weighed(c**4, sample.seed_variances**2 / np.maximum(sample.seed_degrees, 1))
    doubt += between_writers**2 / _writer_degrees(sample, c, between_writers)
    degrees = np.divide(variances**2, doubt, out=np.ones_like(doubt), where=doubt > 0)
    level = LEVEL ** (1 / len(contrasts)) if together and contrasts else LEVEL
    variances[variances == 0] = np.nan  # nothing varied: nothing is known of how it would
    # Student's quantiles, as stats.t.ppf computes them; importing scipy.stats takes a second.
    margins = special.stdtrit(degrees, (1 + level) / 2) * np.sqrt(variances)
    return [Estimate(*(100 * np.array([v, v - m, v + m])).tolist()) for v, m in zip(values, margins, strict=True)]


def standard_error(sample: Sample, contrast: Contrast) -> tuple[float, float]:
    """Return the value of a contrast and its standard error; of one seed, over the digits alone."""
    c = _matrix(sample, [contrast])
    between_seeds, between_writers = _variances(sample, c)
    return float((c @ sample.means)[0]), float(np.sqrt(np.nan_to_num(between_seeds) + between_writers)[0])


def _matrix(sample: Sample, contrasts: Sequence[Contrast]) -> np.ndarray:
    """Return the contrasts' coefficients: (contrasts, variants)."""
    place = {variant: column for column, variant in enumerate(sample.variants)}
    c = np.zeros((len(contrasts), len(sample.variants)))
    for row, contrast in zip(c, contrasts, strict=True):
        for variant, coefficient in contrast.items():
            row[place[variant]] = coefficient
    return c


def _variances(sample: Sample, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what of the contrasts' variances is between seeds, NaN where there is one, and what between writers."""
    between_seeds = np.maximum(_weighed(c**2, sample.seed_variances - sample.rest_variances), 0)
    return between_seeds, ((c @ sample.writer_totals) ** 2).sum(axis=1)


def _writer_degrees(sample: Sample, c: np.ndarray, between_writers: np.ndarray) -> np.ndarray:
    """Return the degrees of freedom of the variances between writers, of whom some wrote far more than others.

    As many as there are effective clusters, less one (Carter, Schnepel and Steigerwald, Review of Economics and
    Statistics 99(4), 2017): a writer's share in the variance grows with the size n as n + ρ n (n − 1), ρ the
    correlation of two of a writer's digits, estimated from how much larger the variance is than that of independent
    digits. That single digits vary alike, whoever wrote them, is an approximation; the simulations do without it.
    """
    sizes, digits = sample.writer_sizes, sample.writer_sizes.sum()
    independent = np.einsum("kv,vw,kw->k", c, sample.digit_covariances, c)
    inflation = np.divide(between_writers, independent, out=np.ones_like(independent), where=independent > 0)
    most = (sizes**2).sum() / digits - 1  # by how much the variance grows if a writer's digits are all alike
    correlation = np.clip((inflation - 1) / most, 0, 1) if most > 0 else np.zeros_like(inflation)
    shares = sizes + correlation[:, None] * (sizes * (sizes - 1))
    return np.maximum(shares.sum(axis=1) ** 2 / (shares**2).sum(axis=1) - 1, 1)


def _as_error(mean: Estimate) -> Estimate:
    """Put the interval on a logarithmic scale, by the delta method, since a small share is skewed."""
    if not mean.is_known:
        return mean
    factor = np.exp((mean.high - mean.value) / mean.value)
    return Estimate(mean.value, float(mean.value / factor), float(min(mean.value * factor, 100)))


def _weighed(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    # Not a matrix product, in which one variant's NaN would spoil the contrasts that leave it out.
    return np.where(weights == 0, 0.0, weights * values).sum(axis=1)


def _variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else float("nan")


def _rest_variance(wrong: np.ndarray, writers: Writers) -> float:
    """Return C: of the sums over each writer's digits of what neither the seed nor the digit explains."""
    seeds = len(wrong)
    rest = wrong - wrong.mean(axis=1, keepdims=True) - wrong.mean(axis=0, keepdims=True) + wrong.mean()
    return float((_totals(rest, writers) ** 2).sum() / (seeds * (seeds - 1))) if seeds > 1 else float("nan")
