"""Say in words what the study found, in images misread instead of percentage points. The reader knows no statistics."""

import math
from collections.abc import Iterator

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.report import elsewhere
from lenet.report.changes import describe, describe_replaced
from lenet.report.sweep_results import SweepResult, load_sweep_results
from lenet.report.wording import NO_DIFFERENCE, in_markdown


def headline_variants(study: Study) -> list[str]:
    """Return the few variants that tell the story.

    They are the recipe with the highest published error, the baseline, the primary variant, the original and the top.
    """
    worst_published = sorted(study.published, key=lambda variant: -study.published[variant].error_percent)[:1]
    primary = [study.primary[0]] if study.primary else []
    return list(dict.fromkeys([*worst_published, study.baseline, *primary, study.original, study.top]))


def sentences(study: Study) -> list[str]:
    """Return what the study found, one sentence or two per finding.

    Raises LabError if the results of a sweep are missing.
    """
    sweeps = load_sweep_results(study.settings)
    return [
        *_primary(study),
        *(sentence for sweep in sweeps for sentence in _sweep(study, sweep)),
        *_ladder(study),
        *_published(study),
        *(sentence for sweep in sweeps for sentence in _elsewhere(study, sweep)),
    ]


def misread(study: Study, percent: float) -> int:
    """Return how many of the test images an error in percent is."""
    return round(percent / 100 * study.results[study.baseline].test_size)


def misread_with_interval(study: Study, error: Estimate) -> str:
    """Return how many of the test images are misread, with the 95 % interval if there is one."""
    ends = f" ({misread(study, error.low)} to {misread(study, error.high)})" if error.has_interval else ""
    return f"{misread(study, error.value)}{ends}"


def fewer(study: Study, difference: Estimate) -> str:
    """Return a difference as misread images, as in "20 fewer (2 to 37)". Without a detectable difference, say so."""
    if difference.has_interval and not difference.is_detectable:
        return NO_DIFFERENCE
    count, ends = _count_and_ends(study, difference)
    return f"{count} {_fewer_or_more(difference)}{f' ({ends})' if ends else ''}"


def _count_and_ends(study: Study, difference: Estimate) -> tuple[int, str]:
    """Return a difference as a number of misread images, and the ends of its 95 % interval, as in "2 to 37"."""
    count, ends = abs(misread(study, difference.value)), ""
    if difference.has_interval:
        low, high = sorted(abs(misread(study, end)) for end in (difference.low, difference.high))
        ends = f"{low} to {high}"
    return count, ends


def _fewer_or_more(difference: Estimate) -> str:
    return "fewer" if difference.value < 0 else "more"


def _primary(study: Study) -> Iterator[str]:
    if not study.primary:
        return
    difference, changes = study.comparison.differences[study.primary], study.changes(*study.primary)
    change, replaced = describe(changes), describe_replaced(changes)
    size = study.results[study.baseline].test_size
    if difference.has_interval and not difference.is_detectable:
        yield f"Between networks with {change} and networks with {replaced}, there is {NO_DIFFERENCE}."
    else:
        (count, ends), noun = _count_and_ends(study, difference), datasets.find(study.dataset).noun
        yield (
            f"Of {size:,} test images, networks with {change} misread {count} {noun}s {_fewer_or_more(difference)} "
            f"than networks with {replaced}{f' (95 % interval: {ends})' if ends else ''}."
        )
    if study.factorial:
        neither, first, second, _ = study.factorial
        alone = {name: study.comparison.differences[name, neither] for name in (first, second)}
        if not any(effect.is_detectable for effect in alone.values()):
            yield "Alone, neither makes a detectable difference."
        else:
            told = [f"{describe(study.changes(name, neither))}: {fewer(study, each)}" for name, each in alone.items()]
            yield f"Alone: {'; '.join(told)}."


def _sweep(study: Study, sweep: SweepResult) -> Iterator[str]:
    """Yield the question of a sweep on the study's data set, and its answer: the effect of both changes together."""
    if sweep.dataset != study.dataset or not sweep.effects:
        return
    verdicts = []
    for shared, effects in (each.shortened() for each in sweep.effects):
        neither, _, _, both = effects.recipes
        together = effects.differences[both, neither]
        points = f"{abs(together.value):.2f} points {'less' if together.value < 0 else 'more'}"
        verdicts.append(((points if together.is_detectable else NO_DIFFERENCE), f" with `{shared}`" if shared else ""))
    answers = {answer for answer, _ in verdicts}
    answer = answers.pop() if len(answers) == 1 else "; ".join(answer + where for answer, where in verdicts)
    yield (
        f"{in_markdown(sweep.about)} On validation images, both together make {answer} "
        f"([sweep](sweeps/{sweep.name}/effects.csv))."
    )


def _ladder(study: Study) -> Iterator[str]:
    steps = {}
    for variant, below in zip(study.ladder[1:], study.ladder, strict=False):
        difference = study.comparison.differences[variant, below]
        if difference.is_detectable and difference.value < 0:
            steps[describe(study.changes(variant, below))] = difference
    ranked = sorted(steps, key=lambda change: steps[change].value)
    if ranked:
        told = [f"{change}: {fewer(study, steps[change])}" for change in ranked]
        yield f"Step by step from `{study.baseline}` to `{study.top}`, what helps most is {', then '.join(told)}."


def _published(study: Study) -> Iterator[str]:
    if study.original not in study.published or study.original not in study.results:
        return
    prediction, published = study.prediction(study.original), study.published[study.original]
    ours, theirs = misread(study, prediction.value), misread(study, published.error_percent)
    if math.isfinite(prediction.low):
        low, high = misread(study, prediction.low), misread(study, prediction.high)
        verdict = "so the two agree" if low <= theirs <= high else "so chance does not explain the difference"
        yield (
            f"`{study.original}` misreads {ours} on average; {published.source} published {theirs}. One more run would "
            f"misread {low} to {high}, {verdict}."
        )


def _elsewhere(study: Study, sweep: SweepResult) -> Iterator[str]:
    """Yield a sentence on the worth of the primary change, and of a falling rate, on the sweep's data set."""
    worth = {each.change: each for each in elsewhere.compare(study, sweep)}
    if not worth:
        return
    there, here = (datasets.find(name).title for name in (sweep.dataset, study.dataset))
    told = [elsewhere.sentence(each, there, here) for each in worth.values() if each.variants == study.primary]
    told += [elsewhere.sentence(each, there, here) for change, each in worth.items() if change.startswith("a falling")]
    yield f"{elsewhere.heading(there, here)} {'; '.join(told)}."
