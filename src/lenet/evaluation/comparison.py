"""Compute confidence intervals of test errors, of differences between variants, and of the effects of changes.

All functions are pure functions on arrays.

The model. A test error depends on chance in two ways: on the seeds that a variant was trained from, and on the people
who wrote the test images. Images of the same writer tend to be misread together, so the independent units are the
writers, not the images (writers.py). Every network reads the images of every writer, so this is a crossed design with
random effects:

    wrong[v, s, i] = μ_v + seed_vs + writer_vw + image_vi + both_vsw + residual_vsi

wrong[v, s, i] is 1 if the network of variant v and seed s misreads image i, written by writer w, and 0 otherwise. μ_v
is the variant's true error: the mean over all possible seeds and writers. The other terms are random deviations with
mean 0. They are due to the seed, the writer, the image, the combination of seed and writer, and everything else.

All variants read the same images, so differences are paired by image. Two runs of different variants from the same seed
share the order of the training images and, if the networks are alike, the initial weights. Such runs are treated as
independent. In this study, the mean correlation of their errors is slightly positive. This makes the variance of a
difference smaller than estimated, so its interval is somewhat too wide.

The estimate. Everything that is estimated is a contrast Σ_v c_v μ_v: the error of one variant, a difference between two
variants, or an effect. The estimate replaces μ_v by the mean of wrong[v, s, i] over all seeds and images. The variance
of the estimate is

    Σ_v c_v² (A_v − C_v) + B        the first part is set to 0 if it is negative

    A_v = s²(errors of v's seeds) / S                 between seeds; s²: sample variance, S: number of v's seeds
    B = Σ_w (Σ_v c_v t_vw)²                           between writers
    C_v = Σ_s Σ_w u_vsw² / (S (S − 1))                contained in both A and B, from both_vsw and residual_vsi

    t_vw = √(n / (n − 1)) / N · Σ_i (m_vi − M_vg)     Σ_i: sum over the images of writer w
    u_vsw                                             the formula of t_vw, applied to r_vsi instead of m_vi

N is the number of all images, g the group of writer w, and n the number of writers in g. m_vi is the mean of
wrong[v, s, i] over v's seeds, and M_vg the mean of m_vi over all images of g. The residual r_vsi is wrong[v, s, i]
minus its mean over all images, minus its mean over v's seeds, plus its mean over all images and all of v's seeds.

`compute_moments` computes A, C and t. `_writer_deviations` computes t and u. `_residual_variance` computes C from u.
`_variances` computes both parts of the variance. `estimate` computes the intervals.

Sources and reasons. A and B both contain C, so C is subtracted once. This is two-way clustering (Cameron, Gelbach and
Miller, Robust Inference With Multiway Clustering, 2011). With one image per writer, the estimated variance is the
one-shot estimate of Gallas (Academic Radiology 13(3), 2006). Half of MNIST's test images come from each group of
writers, so the groups are strata: deviations are taken from the group's mean. Every variant has its own A, because the
errors of some variants scatter over the seeds three times as much as those of others. With a pooled A, the intervals of
these variants covered the true error in only 89 % of the simulations of this study.
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
    """The estimated value of a contrast and the ends of the 95 % interval, in percent of the images.

    low and high are NaN if a variant of the contrast has only one seed, or if the estimated variance is 0.
    """

    value: float
    low: float
    high: float

    @property
    def has_interval(self) -> bool:
        return self.low <= self.high

    @property
    def is_detectable(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0

    @property
    def is_undetected(self) -> bool:
        """Whether the interval includes zero. False if there is no interval."""
        return self.has_interval and not self.is_detectable


@dataclass(frozen=True)
class Comparison:
    """The estimates of a study.

    errors: variant → its error. differences: (variant, reference) → the variant's error minus the reference's error;
    the difference of the primary comparison comes first. effects: name of the effect → the size of the effect. The
    order is that of the argument `effects` of `compare`.

    The intervals of `errors`, `effects` and the primary comparison are single intervals: each covers the true value in
    95 % of studies. The intervals of all other differences are simultaneous: in 95 % of studies, every one of these
    intervals covers its true value.
    """

    errors: Mapping[str, Estimate]
    differences: Mapping[Pair, Estimate]
    effects: Mapping[str, Estimate]


@dataclass(frozen=True)
class Moments:
    """The means and variances from which all estimates are computed.

    The arrays have shape (variants,) unless a comment gives another shape. The letters in the comments are those of the
    formulas in the module's docstring.
    """

    variants: tuple[str, ...]
    means: np.ndarray  # estimates of μ
    seed_variances: np.ndarray  # A
    seed_degrees: np.ndarray  # degrees of freedom of A: S − 1
    residual_variances: np.ndarray  # C
    writer_deviations: np.ndarray  # t: (variants, writers)
    image_covariances: np.ndarray  # (variants, variants): the means' covariances if images were independent
    writer_sizes: np.ndarray  # (writers,): how many images each writer wrote


def compare(
    wrong: Mapping[str, np.ndarray],
    pairs: Sequence[Pair],
    effects: Mapping[str, Contrast] | None = None,
    writers: Writers | None = None,
    primary: Pair | None = None,
) -> Comparison:
    """Estimate every variant's error, the difference of each pair of variants, and the effects.

    wrong: variant → bool (seeds, images), whether each seed's network misreads each image; all variants have the same
    images in the same order, and there are at least two images. pairs: (variant, reference). effects: name → contrast.
    writers: who wrote the images; if None, each image has a writer of its own. primary: the pair of the primary
    comparison. The errors, the effects and the difference of the primary pair get single intervals. All other
    differences get simultaneous intervals.
    """
    moments, effects = compute_moments(wrong, writers), effects or {}
    primary_pairs, family = [primary] if primary else [], [pair for pair in pairs if pair != primary]
    return Comparison(
        errors=dict(zip(wrong, map(_as_error, estimate(moments, [{variant: 1} for variant in wrong])), strict=True)),
        differences=_differences(moments, primary_pairs) | _differences(moments, family, simultaneous=True),
        effects=dict(zip(effects, estimate(moments, list(effects.values())), strict=True)),
    )


def _differences(moments: Moments, pairs: Sequence[Pair], simultaneous: bool = False) -> dict[Pair, Estimate]:
    return dict(zip(pairs, estimate(moments, [{a: 1, b: -1} for a, b in pairs], simultaneous), strict=True))


def prediction_interval(errors: np.ndarray) -> Estimate:
    """Return the mean of a recipe's test errors, and the 95 % interval for the error of one more run.

    The interval is for a run from a new seed on the same test images: mean ± t · s · √(1 + 1/n), where s is the
    standard deviation of the n errors, and t the quantile of Student's distribution with n − 1 degrees of freedom. A
    published error is one run on the same images, so compare it with this interval. errors: float (seeds,).
    The ends are NaN if there is one seed, or if the errors of all seeds are equal.
    """
    count, mean = len(errors), errors.mean()
    spread = (errors.std(ddof=1) if count > 1 else 0) or np.nan
    half_width = special.stdtrit(count - 1, (1 + LEVEL) / 2) * spread * np.sqrt(1 + 1 / count)
    return Estimate(mean, np.maximum(mean - half_width, 0), mean + half_width)


def ladder_pairs(variants: Sequence[str], ladder: Sequence[str]) -> list[Pair]:
    """Return the pairs (variant, reference) to compare.

    Every variant is compared with the ladder's first variant. Every variant of the ladder is also compared with the
    variant before it in the ladder.
    """
    with_baseline = [(variant, ladder[0]) for variant in variants if variant != ladder[0]]
    steps = [(variant, rung_below) for rung_below, variant in pairwise(ladder)]
    return list(dict.fromkeys([*with_baseline, *steps]))


def factorial_pairs(neither: str, first: str, second: str, both: str) -> list[Pair]:
    """Return the pairs (variant, reference) to compare in a 2×2 design.

    The arguments are the variants with neither of two changes, with the first, with the second, and with both. The
    pairs measure each change alone, each change in addition to the other, and both changes together.
    """
    return [(first, neither), (both, second), (second, neither), (both, first), (both, neither)]


def factorial_effects(neither: str, first: str, second: str, both: str, names: Pair) -> dict[str, Contrast]:
    """Return the contrasts of a 2×2 design, by name: the main effects of the two changes, and their interaction.

    The first four arguments are those of `factorial_pairs`. The main effect of a change is the average of two effects:
    the change's effect without the other change, and its effect with the other change. names: the two changes' names.
    """
    return {
        names[0]: {neither: -0.5, first: 0.5, second: -0.5, both: 0.5},
        names[1]: {neither: -0.5, first: -0.5, second: 0.5, both: 0.5},
        "interaction": {neither: 1, first: -1, second: -1, both: 1},
    }


def compute_moments(wrong: Mapping[str, np.ndarray], writers: Writers | None = None) -> Moments:
    """Compute each variant's mean and the quantities A, C and t, which the module's docstring defines.

    wrong: variant → (seeds, images); all variants have the same images in the same order. The values are bool (misread
    or not), or float, such as losses or percentages. writers: as in `compare`.
    """
    image_means = np.stack([values.mean(axis=0) for values in wrong.values()])
    test_size = image_means.shape[1]
    writers = writers or unknown_writers(test_size)
    return Moments(
        variants=tuple(wrong),
        means=image_means.mean(axis=1),
        seed_variances=np.array([_variance(values.mean(axis=1)) / len(values) for values in wrong.values()]),
        seed_degrees=np.array([len(values) - 1 for values in wrong.values()]),
        residual_variances=np.array([_residual_variance(values, writers) for values in wrong.values()]),
        writer_deviations=_writer_deviations(image_means, writers),
        image_covariances=np.atleast_2d(np.cov(image_means)) / test_size,
        writer_sizes=np.bincount(writers.writer_of_image),
    )


def _writer_deviations(values: np.ndarray, writers: Writers) -> np.ndarray:
    """Return t_vw if the values are image means, or u_vsw if they are residuals: (…, images) → (…, writers).

    The symbols are those of the module's docstring. For each writer, add up the deviations of the writer's images from
    the group's mean, divide by the number of all images, and multiply by √(n / (n − 1)), where n is the number of
    writers in the group. With this factor, the sum of the squares over all writers is an unbiased estimate of the
    variance of the mean.
    """
    groups = writers.groups[writers.writer_of_image]
    rows = values.reshape(-1, values.shape[-1])
    means = np.stack([np.bincount(groups, row) for row in rows]) / np.bincount(groups)
    deviations = rows - means[:, groups]
    sums = np.stack([np.bincount(writers.writer_of_image, row) for row in deviations]) / values.shape[-1]
    n = np.bincount(writers.groups)
    scale = np.sqrt(n / np.maximum(n - 1, 1))[writers.groups]
    return (sums * scale).reshape(*values.shape[:-1], -1)


def estimate(moments: Moments, contrasts: Sequence[Contrast], simultaneous: bool = False) -> list[Estimate]:
    """Estimate contrasts with 95 % intervals.

    simultaneous: whether to compute simultaneous intervals instead of single intervals. In 95 % of studies, every
    simultaneous interval covers its true value (Šidák 1967). A single interval covers its true value in 95 % of
    studies, whatever the other intervals do. To get the ends of an interval, the standard error is multiplied by a
    quantile of Student's t distribution; the product is subtracted from the value and added to the value.
    """
    c = _coefficients(moments, contrasts)
    values, (between_seeds, between_writers) = c @ moments.means, _variances(moments, c)
    variances = between_seeds + between_writers
    # The degrees of freedom (Satterthwaite 1946) are few if most of the variance is between seeds, and many if most of
    # it is between writers.
    denominator = _weighted_sum(c**4, moments.seed_variances**2 / np.maximum(moments.seed_degrees, 1))
    denominator += between_writers**2 / _writer_degrees(moments, c, between_writers)
    degrees = np.divide(variances**2, denominator, out=np.ones_like(denominator), where=denominator > 0)
    level = LEVEL ** (1 / len(contrasts)) if simultaneous and contrasts else LEVEL
    variances[variances == 0] = np.nan  # nothing varied in the sample, so the true variance cannot be estimated
    # The quantiles that stats.t.ppf would return. Importing scipy.stats takes a second.
    margins = special.stdtrit(degrees, (1 + level) / 2) * np.sqrt(variances)
    return [
        Estimate(*(100 * np.array([value, value - margin, value + margin])).tolist())
        for value, margin in zip(values, margins, strict=True)
    ]


def value_and_standard_error(moments: Moments, contrast: Contrast) -> tuple[float, float]:
    """Return the value of a contrast and its standard error.

    Both numbers have the unit of the argument `wrong` of `compute_moments`.

    If a variant has only one seed, the variance between seeds is left out.
    """
    c = _coefficients(moments, [contrast])
    between_seeds, between_writers = _variances(moments, c)
    return float((c @ moments.means)[0]), float(np.sqrt(np.nan_to_num(between_seeds) + between_writers)[0])


def _coefficients(moments: Moments, contrasts: Sequence[Contrast]) -> np.ndarray:
    """Return the coefficients c of contrasts as a matrix (contrasts, variants)."""
    column_of_variant = {variant: column for column, variant in enumerate(moments.variants)}
    c = np.zeros((len(contrasts), len(moments.variants)))
    for row, contrast in zip(c, contrasts, strict=True):
        for variant, coefficient in contrast.items():
            row[column_of_variant[variant]] = coefficient
    return c


def _variances(moments: Moments, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two parts of each contrast's variance: between seeds and between writers.

    The part between seeds is Σ_v c_v² (A_v − C_v). It is 0 if this sum is negative, and NaN if a variant of the
    contrast has only one seed. The part between writers is B.
    """
    between_seeds = np.maximum(_weighted_sum(c**2, moments.seed_variances - moments.residual_variances), 0)
    return between_seeds, ((c @ moments.writer_deviations) ** 2).sum(axis=1)


def _writer_degrees(moments: Moments, c: np.ndarray, between_writers: np.ndarray) -> np.ndarray:
    """Return the degrees of freedom of B: the effective number of writers minus 1, but at least 1.

    Some writers wrote far more images than others, so the effective number of writers is smaller than the actual
    number. The effective number is (Σ_w a_w)² / Σ_w a_w² (Carter, Schnepel and Steigerwald, Review of Economics and
    Statistics 99(4), 2017). Here a_w = n_w + ρ n_w (n_w − 1) is the share of writer w in the variance, n_w is the
    number of the writer's images, and ρ is the correlation of two images of the same writer. ρ is estimated from the
    ratio of B to the variance that independent images would have.

    The formula assumes that the images of all writers have the same variance. This is only approximately true. The
    simulations in the tests do not use this assumption.
    """
    sizes, test_size = moments.writer_sizes, moments.writer_sizes.sum()
    independent = np.einsum("kv,vw,kw->k", c, moments.image_covariances, c)
    inflation = np.divide(between_writers, independent, out=np.ones_like(independent), where=independent > 0)
    max_increase = (sizes**2).sum() / test_size - 1  # the value of inflation − 1 if ρ = 1
    correlation = np.clip((inflation - 1) / max_increase, 0, 1) if max_increase > 0 else np.zeros_like(inflation)
    shares = sizes + correlation[:, None] * (sizes * (sizes - 1))
    return np.maximum(shares.sum(axis=1) ** 2 / (shares**2).sum(axis=1) - 1, 1)


def _as_error(mean: Estimate) -> Estimate:
    """Replace the interval of a mean error by an interval that is symmetric on a logarithmic scale (delta method).

    The interval of `mean` is symmetric on a linear scale. Such an interval does not fit an error, because the
    distribution of a small share is skewed. The new interval is cut off at 100 %.
    """
    if not mean.has_interval:
        return mean
    factor = np.exp((mean.high - mean.value) / mean.value)
    return Estimate(mean.value, float(mean.value / factor), float(min(mean.value * factor, 100)))


def _weighted_sum(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    # A matrix product would compute 0 × NaN = NaN: one variant's NaN would spoil contrasts that do not contain it.
    return np.where(weights == 0, 0.0, weights * values).sum(axis=1)


def _variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else float("nan")


def _residual_variance(wrong: np.ndarray, writers: Writers) -> float:
    """Return C of one variant, or NaN if the variant has only one seed. wrong: (seeds, images)."""
    seeds = len(wrong)
    residuals = wrong - wrong.mean(axis=1, keepdims=True) - wrong.mean(axis=0, keepdims=True) + wrong.mean()
    return (
        float((_writer_deviations(residuals, writers) ** 2).sum() / (seeds * (seeds - 1)))
        if seeds > 1
        else float("nan")
    )
