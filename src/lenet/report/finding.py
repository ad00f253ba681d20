"""Say in words what the study found, in images misread instead of percentage points. The reader knows no statistics."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.metrics import TEST_ERROR, TEST_LOSS
from lenet.evaluation.study import Study
from lenet.report import other_dataset
from lenet.report.changes import describe, describe_beside, describe_replaced
from lenet.report.sweep_results import SweepResult, load_sweep_results
from lenet.report.wording import NO_DIFFERENCE, in_markdown, rounded
from lenet.settings import Published


def headline_variants(study: Study) -> list[str]:
    """Return the few variants that tell the story.

    They are the recipe with the highest published error, the baseline, the primary variant, the original and the top.
    """
    worst_published = sorted(study.published, key=lambda variant: -study.published[variant].error_percent)[:1]
    primary = [study.primary[0]] if study.primary else []
    return list(dict.fromkeys([*worst_published, study.baseline, *primary, study.original, study.top]))


def sentences(study: Study) -> list[str]:
    """Return what the study found, a few sentences.

    Raises LabError if the results of a sweep are missing.
    """
    sweeps = load_sweep_results(study.settings)
    return [
        *_original_and_top(study),
        *_primary(study),
        *_alone(study),
        *(sentence for sweep in sweeps for sentence in _sweep(study, sweep)),
        *_ladder(study),
        *_published(study),
        *(sentence for sweep in sweeps for sentence in _other_dataset(study, sweep)),
    ]


def answers(study: Study, asked: Sequence[str]) -> list[str]:
    """Return the results that the terminal shows, a sentence per comparison.

    asked: the variants that the user named. Each is compared with the baseline. If they are those of the primary
    comparison, or if none is named, the two variants of the primary comparison are compared.
    """
    if study.primary and set(asked) <= set(study.primary):
        return list(_primary(study))
    variants = [variant for variant in asked or [study.top] if variant != study.baseline]
    return [_against_baseline(study, variant) for variant in variants]


def _against_baseline(study: Study, variant: str) -> str:
    difference = study.comparison.differences[variant, study.baseline]
    if difference.is_undetected:
        return f"Between `{variant}` and `{study.baseline}`, there is {NO_DIFFERENCE}."
    return _of_test_images(study, f"`{variant}` misreads", difference, f"`{study.baseline}`")


def _of_test_images(study: Study, misreads: str, difference: Estimate, reference: str) -> str:
    """Return a sentence on a difference in test images, with its interval if there is one."""
    size = study.results[study.baseline].test_size
    interval = f" (95 % interval: {_ends(study, difference)})" if difference.has_interval else ""
    return f"Of {size:,} test images, {misreads} {_count(study, difference)} than {reference}{interval}."


def loss_against_error(study: Study) -> str:
    """Return a sentence if the primary variant has fewer test errors than its reference but a larger test loss."""
    if not study.primary or not study.comparison.differences[study.primary].is_detectable:
        return ""
    (error, loss), (reference_error, reference_loss) = (
        [study.results[variant].summary[metric] for metric in (TEST_ERROR, TEST_LOSS)] for variant in study.primary
    )
    if error >= reference_error or loss <= reference_loss:
        return ""
    variant, reference = study.primary
    errors, losses = f"{rounded(error)} and {rounded(reference_error)} %", f"{loss:.3f} and {reference_loss:.3f}"
    return (
        f"{variant} misreads fewer test images than {reference} ({errors}), but its test loss is larger ({losses}): "
        "the loss also counts how sure the answers are."
    )


def misread(study: Study, percent: float) -> int:
    """Return how many of the test images an error in percent is."""
    return round(percent / 100 * study.results[study.baseline].test_size)


def misread_with_interval(study: Study, error: Estimate) -> str:
    """Return how many of the test images are misread, with the 95 % interval if there is one."""
    ends = f" ({misread(study, error.low)} to {misread(study, error.high)})" if error.has_interval else ""
    return f"{misread(study, error.value)}{ends}"


def published_misread(study: Study, published: Published) -> str:
    """Return how many images the published error is, as in "95", or as in "350 to 450" if the publication rounds it."""
    return " to ".join(dict.fromkeys(str(misread(study, end)) for end in published.ends))


def fewer(study: Study, difference: Estimate, title: str = "") -> str:
    """Return a difference as misread images, as in "20 fewer (2 to 37)". Without a detectable difference, say so.

    title: what stands before the interval.
    """
    if difference.is_undetected:
        return NO_DIFFERENCE
    ends = f" ({title}{_ends(study, difference)})" if difference.has_interval else ""
    return f"{_count(study, difference)}{ends}"


def _count(study: Study, difference: Estimate) -> str:
    return f"{abs(misread(study, difference.value))} {'fewer' if difference.value < 0 else 'more'}"


def _ends(study: Study, difference: Estimate) -> str:
    """Return the ends of the 95 % interval of a detectable difference, without signs, as in "2 to 37"."""
    low, high = sorted(abs(misread(study, end)) for end in (difference.low, difference.high))
    return f"{low} to {high}"


def _original_and_top(study: Study) -> Iterator[str]:
    """Yield the answer to the study's title: the network of 1998 against today's."""
    pair = (study.top, study.original)
    if study.original == study.settings.comparison.original and pair in study.comparison.differences:
        size, difference = study.results[study.baseline].test_size, study.comparison.differences[pair]
        original, top = (misread(study, study.comparison.errors[name].value) for name in (study.original, study.top))
        yield (
            f"Of {size:,} test images, `{study.original}` misreads {original} and `{study.top}` {top}: "
            f"{fewer(study, difference, '95 % interval: ')}."
        )


def _primary(study: Study) -> Iterator[str]:
    """Yield the result of the primary comparison, and why it is easier to detect than the other differences."""
    if not study.primary:
        return
    variant, reference = study.primary
    difference, changes = study.comparison.differences[study.primary], study.changes(*study.primary)
    change, replaced = describe(changes), describe_replaced(changes)
    if difference.is_undetected:
        yield f"Between `{variant}` with {change} and `{reference}` with {replaced}, there is {NO_DIFFERENCE}."
        return
    answer = _of_test_images(study, f"`{variant}` with {change} misreads", difference, f"`{reference}` with {replaced}")
    if difference.has_interval and study.widened_count > 1:
        answer += " This is the primary comparison. Other differences have widened intervals, because they are many."
    yield answer


def _alone(study: Study) -> Iterator[str]:
    """Yield a sentence on the two changes of the 2×2, each alone."""
    if not study.factorial:
        return
    neither, first, second, _ = study.factorial
    differences = study.comparison.differences
    alone = [(describe(study.changes(name, neither)), differences[name, neither]) for name in (first, second)]
    if all(estimate.is_undetected for _, estimate in alone):
        yield f"{' alone and '.join(change for change, _ in alone)} alone make {NO_DIFFERENCE}."
    else:
        yield f"Each alone: {'; '.join(f'{change} {fewer(study, estimate)}' for change, estimate in alone)}."


def _sweep(study: Study, sweep: SweepResult) -> Iterator[str]:
    """Yield the question of a sweep on the study's data set, and its answer: what the changes do together and alone."""
    if sweep.dataset != study.dataset or not sweep.effects:
        return
    together: dict[str, str] = {}
    alone: dict[str, list[Estimate]] = {}
    for effects in sweep.effects:
        neither, first, second, both = effects.recipes
        shared, _ = effects.shortened()
        together[shared] = _effect_on_error(effects.differences[both, neither])
        for recipe in (first, second):
            changes = sweep.recipes[recipe].changes_since(sweep.recipes[neither])
            words = describe_beside(changes, sweep.recipes[neither])
            alone.setdefault(words, []).append(effects.differences[recipe, neither])
    distinct = set(together.values())
    told = [distinct.pop()] if len(distinct) == 1 else [f"{text} with `{shared}`" for shared, text in together.items()]
    detectable = " and ".join(
        f"{change} {'lowers' if estimates[0].value < 0 else 'raises'} the error"
        for change, estimates in alone.items()
        if all(estimate.low > 0 for estimate in estimates) or all(estimate.high < 0 for estimate in estimates)
    )
    yield (
        f"{in_markdown(sweep.about)} On validation images, both changes together {'; '.join(told)}"
        + (f"; {detectable}" if detectable else "")
        + f" ([numbers](sweeps/{sweep.name}/effects.csv))."
    )


def _effect_on_error(estimate: Estimate) -> str:
    if estimate.is_undetected:
        return f"make {NO_DIFFERENCE}"
    return f"{'lower' if estimate.value < 0 else 'raise'} the error by {rounded(abs(estimate.value))} points"


def _ladder(study: Study) -> Iterator[str]:
    steps = [
        (study.comparison.differences[variant, below], describe(study.changes(variant, below)))
        for below, variant in pairwise(study.ladder)
    ]
    helpful = [(each, change) for each, change in steps if each.is_detectable and each.value < 0]
    if helpful and len(steps) > 1:
        ranked = sorted(helpful, key=lambda step: step[0].value)
        told = " and ".join(f"{change} ({_count(study, each)}, {_ends(study, each)})" for each, change in ranked)
        yield (
            f"Of the {len(steps)} steps from `{study.baseline}` to `{study.top}`, {len(ranked)} detectably "
            f"lower{'s' if len(ranked) == 1 else ''} the error: {told}."
        )


def _published(study: Study) -> Iterator[str]:
    if study.original not in study.published:
        return
    prediction, published = study.prediction(study.original), study.published[study.original]
    if (agrees := study.agrees_with_published(study.original)) is not None:
        ours, theirs = misread(study, prediction.value), published_misread(study, published)
        verdict = "the published figure agrees" if agrees else "chance does not explain the difference"
        low, high = misread(study, prediction.low), misread(study, prediction.high)
        source = in_markdown(published.source)
        yield (
            f"`{study.original}` misreads {ours} on average; {source} published {theirs}. On the same test images, "
            f"one more run of ours would misread {low} to {high} in 95 of 100 cases: {verdict}."
        )


def _other_dataset(study: Study, sweep: SweepResult) -> Iterator[str]:
    """Yield a sentence on the worth of the primary change, and of a falling rate, on the sweep's data set."""
    told = [
        worth
        for worth in other_dataset.compare(study, sweep)
        if worth.variants == study.primary or set(worth.changes) == {"schedule"}
    ]
    if told:
        numbers = f"[numbers](sweeps/{sweep.name}/effects.csv)"
        yield f"{other_dataset.brief_sentence(study, sweep, told)} ({numbers})."
