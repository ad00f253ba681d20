"""How numbers are worded for people: errors, intervals and differences of the rows of comparison.csv."""

import html
from collections.abc import Mapping, Sequence

from lenet.errors import in_one_line
from lenet.evaluation.comparison import Estimate, Pair
from lenet.evaluation.metrics import METRIC, TEST_ERROR, VALIDATION_ERROR
from lenet.mnist import datasets
from lenet.report.tables import Row

# What stands where there is nothing to say.
NONE = "–"
NO_DIFFERENCE = "no detectable difference"


def in_markdown(text: str) -> str:
    """Return what a person wrote in params.yaml as text in a line of Markdown, which may hold HTML."""
    return html.escape(in_one_line(text), quote=False)


def mean_with_sd(row: Row) -> str:
    """Return a row's validation error, mean ± standard deviation over the seeds; a dash if it has none."""
    mean, sd = (_shown(row, VALIDATION_ERROR, statistic) for statistic in ("mean", "sd"))
    if not mean:
        return NONE
    return f"{mean} ± {sd}" if sd else mean


def mean_with_interval(row: Row) -> str:
    """Return a row's test error, its mean over the seeds with the 95 % interval, if there is one."""
    mean, low, high = (_shown(row, TEST_ERROR, statistic) for statistic in ("mean", "low", "high"))
    return f"{mean} ({low}–{high})" if low else mean


def _shown(row: Row, name: str, statistic: str) -> str:
    metric = METRIC[name]
    text = row[f"{metric.column}_{statistic}"]
    return f"{float(text):.{metric.digits}f}" if text else ""


def difference_from_base(row: Row) -> str:
    """Say how a row differs from the base: a number with its interval, or that no difference was detected."""
    value, low, high = (row[f"difference_percent{part}"] for part in ("", "_low", "_high"))
    if not low:
        return signed(float(value)) if value else NONE
    return difference(Estimate(float(value), float(low), float(high)))


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

    four: names of neither change, the first, the second, both; differences: from the first of them, by (name, it).
    """
    neither, *changed = four
    told = [f"`{name}` {signed_with_interval(differences[name, neither])}" for name in changed]
    return f"against `{neither}`, {', '.join(told)}; interaction {signed_with_interval(interaction)}"


def signed(value: float) -> str:
    """Return a number with two decimals and its sign, a true minus sign."""
    value = round(value, 4)  # as the tables have it, so that both are rounded alike
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def note_on_errors(rows: Sequence[Row]) -> str:
    """Say how to read the errors, and why some row has no validation error."""
    notes = []
    if any(row["test_error_percent_low"] for row in rows):
        notes.append("Test: mean over the seeds and its 95 % interval.")
    notes.append("Validation: mean ± standard deviation over the seeds.")
    if not all(row["validation_error_percent_mean"] for row in rows):
        notes.append(f"{NONE} for validation: the network was trained on that split too.")
    return " ".join(notes)


def note_on_differences(rows: Sequence[Row]) -> str:
    """Say how to read the differences from the base; nothing if there are none."""
    if not any(row["difference_percent_low"] for row in rows):
        return ""
    primary = [row["variant"] for row in rows if row["difference_is_primary"] == "true"]
    but = f"; that of {primary[0]}, the primary contrast, is not adjusted" if primary else ""
    return f"Against {base_of(rows)}: percentage points, paired by test digit; 95 % intervals are simultaneous{but}."


def note_on_published(rows: Sequence[Row]) -> str:
    """Say who reports the published errors; nothing if there are none."""
    by = {row["variant"]: row["published_by"] for row in rows if row["published_by"]}
    sources = {source: [name for name, of in by.items() if of == source] for source in dict.fromkeys(by.values())}
    told = "; ".join(f"{source} ({', '.join(names)})" for source, names in sources.items())
    return f"Published: {told}." if told else ""


def dataset_title(rows: Sequence[Row]) -> str:
    """Return the title of the rows' data set."""
    return " and ".join(datasets.find(name).title for name in dict.fromkeys(row["dataset"] for row in rows))


def base_of(rows: Sequence[Row]) -> str:
    """Return the variant that the others are compared with."""
    return next(row["variant"] for row in rows if not row["difference_percent"])
