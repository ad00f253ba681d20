"""How numbers are worded for people: errors, intervals and differences of a study."""

import html
from collections.abc import Mapping, Sequence

from lenet.errors import in_one_line
from lenet.evaluation.comparison import Estimate, Pair
from lenet.evaluation.metrics import VALIDATION_ERROR
from lenet.evaluation.study import Study
from lenet.mnist import datasets

# What an empty cell says.
NONE = "–"
NO_DIFFERENCE = "no detectable difference"


def in_markdown(text: str) -> str:
    """Return what a person wrote in params.yaml as text in a line of Markdown, which may hold HTML."""
    return html.escape(in_one_line(text), quote=False)


def validation_error(study: Study, variant: str) -> str:
    """Return a variant's validation error, mean ± standard deviation over the seeds; a dash if it has none."""
    summary = study.results[variant].summary
    if VALIDATION_ERROR not in summary:
        return NONE
    mean, sd = summary[VALIDATION_ERROR], summary.get(f"{VALIDATION_ERROR}_sd")
    return rounded(mean) if sd is None else f"{rounded(mean)} ± {rounded(sd)}"


def test_error(study: Study, variant: str) -> str:
    """Return a variant's test error, its mean over the seeds with the 95 % interval, if there is one."""
    error = study.comparison.errors[variant]
    interval = f" ({rounded(error.low)}–{rounded(error.high)})" if error.is_known else ""
    return f"{rounded(error.value)}{interval}"


def difference_from_base(study: Study, variant: str) -> str:
    """Say how a variant differs from the base: a number with its interval, or that no difference was detected."""
    return NONE if variant == study.base else difference(study.comparison.differences[variant, study.base])


def difference(estimate: Estimate) -> str:
    """Say a difference in percentage points with its interval, or that none was detected."""
    if estimate.is_known and not estimate.is_detectable:
        return NO_DIFFERENCE
    return signed_with_interval(estimate)


def signed_with_interval(estimate: Estimate) -> str:
    """Return a difference in percentage points with its interval, if it has one."""
    value, low, high = map(signed, (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})" if estimate.is_known else value


def two_changes(four: Sequence[str], differences: Mapping[Pair, Estimate], interaction: Estimate) -> str:
    """Say what two changes are worth, each alone, both together, and their interaction.

    four: names of neither change, the first, the second, both; differences: by (name, the first name).
    """
    neither, *changed = four
    worth = [f"`{name}` {signed_with_interval(differences[name, neither])}" for name in changed]
    return f"against `{neither}`, {', '.join(worth)}; interaction {signed_with_interval(interaction)}"


def rounded(value: float) -> str:
    """Return a number with two decimals, rounded first to the four of the CSV tables, so that both agree."""
    return f"{round(value, 4):.2f}"


def signed(value: float) -> str:
    """Return a number with two decimals and its sign, a true minus sign; zero has none."""
    value = round(value, 4)
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def note_on_errors(study: Study) -> str:
    """Say how to read the errors, and why some variant has no validation error."""
    notes = []
    if any(error.is_known for error in study.comparison.errors.values()):
        notes.append("Test: mean over the seeds and its 95 % interval.")
    notes.append("Validation: mean ± standard deviation over the seeds.")
    if not all(VALIDATION_ERROR in result.summary for result in study.results.values()):
        notes.append(f"{NONE} for validation: the network was trained on that split too.")
    return " ".join(notes)


def note_on_differences(study: Study) -> str:
    """Say how to read the differences from the base; nothing if none has an interval."""
    differences = study.comparison.differences
    if not any(points.is_known for (_, against), points in differences.items() if against == study.base):
        return ""
    variant, against = study.primary or ("", "")
    but = f"; that of {variant}, the primary contrast, is not adjusted" if against == study.base else ""
    return f"Against {study.base}: percentage points, paired by test digit; 95 % intervals are simultaneous{but}."


def note_on_published(study: Study) -> str:
    """Say who reports the published errors; nothing if there are none."""
    by_source: dict[str, list[str]] = {}
    for variant in study.results:
        if variant in study.published:
            by_source.setdefault(study.published[variant].source, []).append(variant)
    sources = "; ".join(f"{source} ({', '.join(variants)})" for source, variants in by_source.items())
    return f"Published: {sources}." if sources else ""


def dataset_title(study: Study) -> str:
    """Return the title of the data set; titles of several, if some results are of an earlier one."""
    names = dict.fromkeys(result.dataset for result in study.results.values())
    return " and ".join(datasets.find(name).title for name in names)
