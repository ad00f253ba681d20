"""Turn a study's numbers into text for readers: errors, intervals and differences."""

import html
from collections.abc import Mapping, Sequence

from lenet.errors import in_one_line
from lenet.evaluation.comparison import Estimate, Pair
from lenet.evaluation.metrics import VALIDATION_ERROR
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.training.trained_run import TRAIN_ERROR

DASH = "–"
NO_DIFFERENCE = "no detectable difference"


def in_markdown(text: str) -> str:
    """Return a text from params.yaml or sweep.yaml as one line of Markdown, with its HTML escaped."""
    return html.escape(in_one_line(text), quote=False)


def validation_error(study: Study, variant: str) -> str:
    """Return a variant's validation error, mean ± standard deviation over the seeds, or a dash if there is none."""
    summary = study.results[variant].summary
    if VALIDATION_ERROR not in summary:
        return DASH
    mean, sd = summary[VALIDATION_ERROR], summary.get(f"{VALIDATION_ERROR}_sd")
    return rounded(mean) if sd is None else f"{rounded(mean)} ± {rounded(sd)}"


def test_error(study: Study, variant: str) -> str:
    """Return a variant's test error: the mean over the seeds, and the 95 % interval if there is one."""
    error = study.comparison.errors[variant]
    interval = f" ({rounded(error.low)}–{rounded(error.high)})" if error.has_interval else ""
    return f"{rounded(error.value)}{interval}"


def difference_from_baseline(study: Study, variant: str) -> str:
    """Return a variant's difference from the baseline, in the words of `difference`. The baseline gets a dash."""
    against = study.against_baseline(variant)
    return difference(against) if against else DASH


def published_error(study: Study, variant: str) -> str:
    """Return the published error of a variant in percent, as in "0.95", or as in "4.0 ± 0.5" if it is rounded."""
    published = study.published[variant]
    return f"{published.error_percent}{f' ± {published.plus_minus}' if published.plus_minus else ''}"


def difference(estimate: Estimate) -> str:
    """Return a difference in percentage points with its interval, or `NO_DIFFERENCE` if the interval includes zero."""
    if estimate.is_undetected:
        return NO_DIFFERENCE
    return signed_with_interval(estimate)


def signed_with_interval(estimate: Estimate) -> str:
    """Return a difference in percentage points, with its interval if there is one."""
    value, low, high = map(signed, (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})" if estimate.has_interval else value


def effects_of_two_changes(names: Sequence[str], differences: Mapping[Pair, Estimate], interaction: Estimate) -> str:
    """Return the effects of two changes as text: each change alone, both together, and their interaction.

    names: the names of four recipes or variants: with neither change, with the first, with the second, with both.
    differences: (name, reference) → difference. Only the three differences whose reference has neither change are
    used.
    """
    neither, *changed = names
    effects = [f"`{name}` {signed_with_interval(differences[name, neither])}" for name in changed]
    return f"compared with `{neither}`: {', '.join(effects)}; interaction {signed_with_interval(interaction)}"


def rounded(value: float) -> str:
    """Return a number with two decimals, as every text, table and chart of the report shows it.

    Sums of floats are off by about 1e-15. The first rounding removes this, so that 0.095 becomes 0.10 wherever it is
    computed.
    """
    return f"{round(value, 9):.2f}"


def signed(value: float) -> str:
    """Return a number with two decimals and its sign: + or the minus sign U+2212; zero has no sign."""
    text = rounded(abs(value))
    return text if text == "0.00" else f"{'−' if value < 0 else '+'}{text}"


def note_on_errors(study: Study) -> str:
    """Return the note that explains how to read the errors, and why a variant may have no validation error."""
    notes = []
    if any(error.has_interval for error in study.comparison.errors.values()):
        notes.append("Test: mean over the seeds and its 95 % interval.")
    notes.append("Validation: mean ± standard deviation over the seeds.")
    if not all(VALIDATION_ERROR in result.summary for result in study.results.values()):
        notes.append(f"{DASH} for validation: the variant also trains on the validation images.")
    return " ".join(notes)


def note_on_differences(study: Study) -> str:
    """Return the note that explains how to read the differences from the baseline.

    The text is empty if none of these differences has an interval.
    """
    differences = study.comparison.differences
    if not any(points.has_interval for (_, against), points in differences.items() if against == study.baseline):
        return ""
    variant, against = study.primary or ("", "")
    exception = f"; only that of {variant}, the primary comparison, is not" if against == study.baseline else ""
    is_widened = study.widened_count > 1
    widening = f", widened because there are several{exception}" if is_widened else ""
    return (
        f"Against {study.baseline}: the difference in percentage points and its 95 % interval{widening}. An interval "
        f"that contains zero means {NO_DIFFERENCE}."
    )


def note_on_published(study: Study) -> str:
    """Return the note on the sources of the published errors. The text is empty if there are no published errors."""
    variants_by_source: dict[str, list[str]] = {}
    for variant in study.results:
        if variant in study.published:
            variants_by_source.setdefault(study.published[variant].source, []).append(variant)
    sources = "; ".join(f"{source} ({', '.join(variants)})" for source, variants in variants_by_source.items())
    return f"Published: {sources}." if sources else ""


def published_training_errors(study: Study) -> list[str]:
    """Return a sentence for each published training error: this error, and the mean over the seeds here."""
    sentences = []
    for variant, published in study.published.items():
        if point := published.training:
            errors = [seed.history[TRAIN_ERROR] for seed in study.results[variant].seeds]
            if len(errors[0]) >= point.epoch:
                here = rounded(sum(history[point.epoch - 1] for history in errors) / len(errors))
                sentences.append(
                    f"In epoch {point.epoch}, the training error of {variant} is {here} % here; published is "
                    f"{point.error_percent} %. It is measured while the weights change."
                )
    return sentences


def dataset_title(study: Study) -> str:
    return datasets.find(study.dataset).title
