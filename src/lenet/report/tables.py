"""The comparison as a table: CSV, terminal and README block, all from the same rows; and how numbers are worded."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.workspace import COMPARISON, DIFFERENCES, MISTAKES, README, written_whole

_START, _END = "<!-- results:start -->", "<!-- results:end -->"
# What stands where there is nothing to say.
NONE = "–"
NO_DIFFERENCE = "no detectable difference"

Row = Mapping[str, str]


def comparison_rows(study: Study) -> list[Row]:
    """Return the comparison's rows, one per variant, as text: what is not known (one seed has no interval) is empty."""
    return [_row(study, variant) for variant in study.results]


def save_tables(study: Study) -> None:
    """Write reports/comparison.csv, reports/differences.csv and reports/mistakes.csv."""
    _save(pd.DataFrame(comparison_rows(study)), COMPARISON)
    _save(_differences(study), DIFFERENCES)
    _save(_mistakes(study), MISTAKES)


def load_comparison(path: Path = COMPARISON) -> list[Row]:
    """Read reports/comparison.csv; raise LabError if it is not there."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    except FileNotFoundError:
        raise LabError(f"{path} is missing: run `dvc repro plot`") from None


def mean_with_sd(row: Row, metric: str) -> str:
    """Return a row's mean ± standard deviation, two digits each, as a person reads it; a dash if there is none."""
    mean, sd = row[f"{metric}_mean"], row[f"{metric}_sd"]
    if not mean:
        return NONE
    return f"{float(mean):.2f} ± {float(sd):.2f}" if sd else f"{float(mean):.2f}"


def mean_with_interval(row: Row) -> str:
    """Return a row's test error and its 95 % interval as a person reads them."""
    mean, low, high = (row[f"test_error_percent_{part}"] for part in ("mean", "low", "high"))
    return f"{float(mean):.2f} ({float(low):.2f}–{float(high):.2f})" if low else f"{float(mean):.2f}"


def difference_from_base(row: Row) -> str:
    """Say how a row differs from the base: a number with its interval, or that no difference was detected."""
    value, low, high = (row[f"difference_percent{part}"] for part in ("", "_low", "_high"))
    if not low:
        return signed(float(value)) if value else NONE
    return difference(Estimate(float(value), float(low), float(high)))


def difference(estimate: Estimate) -> str:
    """Say a difference in percentage points with its interval, or that none was detected."""
    if not estimate.is_known:
        return signed(estimate.value)
    if not estimate.is_detectable:
        return NO_DIFFERENCE
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def signed(value: float) -> str:
    """Return a number of two digits with its sign, a real minus."""
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def note_on_errors(rows: Sequence[Row]) -> str:
    """Say how to read the errors, and why some row has no validation error."""
    notes = []
    if any(row["test_error_percent_low"] for row in rows):
        notes.append("Test: mean and 95 % interval, over seeds and over test digits.")
    notes.append("Validation: mean ± standard deviation over the seeds.")
    if not all(row["validation_error_percent_mean"] for row in rows):
        notes.append(f"{NONE} for validation: that split was trained on too.")
    return " ".join(notes)


def note_on_differences(rows: Sequence[Row]) -> str:
    """Say how to read the differences from the base; nothing if there are none."""
    if not any(row["difference_percent_low"] for row in rows):
        return ""
    return f"Against {_base(rows)}: points, paired by test digit, with 95 % intervals that all hold at once."


def announce(rows: Sequence[Row], page: Path) -> None:
    """Print the comparison, and where there is more to see."""
    print_table(rows)
    print(f"Report: {page.resolve()}\nCompare in MLflow: make ui")


def print_table(rows: Sequence[Row]) -> None:
    """Print the comparison to the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # The longest variant's name fits into 80 columns so.
    table = Table(
        title=f"Errors in percent on {dataset_title(rows)}",
        caption=note_on_errors(rows),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("variant", no_wrap=True)
    for name in ("epochs", "parameters", "validation", "test"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        parameters = f"{int(row['parameters']):,}"
        validation = mean_with_sd(row, "validation_error_percent")
        table.add_row(row["variant"], row["epochs"], parameters, validation, mean_with_interval(row))
    Console().print(table)


def dataset_title(rows: Sequence[Row]) -> str:
    """Return the data set's name as a person says it."""
    return " and ".join(datasets.find(name).title for name in dict.fromkeys(row["dataset"] for row in rows))


def readme_block(rows: Sequence[Row], about: Mapping[str, str]) -> str:
    """Return the README's results table, in Markdown."""
    lines = [
        f"Errors in percent on {dataset_title(rows)}:",
        "",
        f"| variant | what | parameters | epochs | validation | test | against `{_base(rows)}` | in the paper |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        what = about.get(row["variant"], "").replace("|", "\\|")
        cells = [
            f"`{row['variant']}`",
            what,
            f"{int(row['parameters']):,}",
            row["epochs"],
            mean_with_sd(row, "validation_error_percent"),
            f"**{mean_with_interval(row)}**",
            difference_from_base(row),
            row["published_percent"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [note_on_errors(rows), note_on_differences(rows)]
    return "\n".join([*lines, "", " ".join(filter(None, notes))])


def update_readme(block: str, path: Path = README) -> None:
    """Put the block between the README's markers; raise LabError if they are not there."""
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise LabError(f"{path} has no lines {_START} and {_END}: put them where the results table belongs")
    updated = f"{before}{_START}\n{block}\n{_END}{after}"
    if updated != text:
        with written_whole(path) as partial:
            partial.write_text(updated, encoding="utf-8")


def _base(rows: Sequence[Row]) -> str:
    return next(row["variant"] for row in rows if not row["difference_percent"])


def _row(study: Study, variant: str) -> Row:
    result = study.results[variant]

    def shown(name: str) -> str:
        return f"{result.summary[name]:.4f}" if name in result.summary else ""

    error = study.comparison.errors[variant]
    from_base = study.comparison.differences.get((variant, study.base))
    row = {
        "variant": variant,
        "dataset": study.dataset,
        "seeds": len(result.seeds),
        "parameters": result.parameters,
        "multiply_accumulates": result.multiply_accumulates,
        "epochs": result.epochs,
        "train_error_percent_mean": shown("train/error_percent"),
        "validation_error_percent_mean": shown("validation/error_percent"),
        "validation_error_percent_sd": shown("validation/error_percent_sd"),
        "test_error_percent_mean": shown("test/error_percent"),
        "test_error_percent_sd": shown("test/error_percent_sd"),
        **_interval("test_error_percent", error),
        "difference_percent": f"{from_base.value:.4f}" if from_base else "",
        **_interval("difference_percent", from_base),
        "published_percent": study.published.get(variant, ""),
        "test_loss_mean": shown("test/loss"),
        "calibration_error_percent_mean": shown("test/calibration_error_percent"),
    }
    return {name: str(value) for name, value in row.items()}


def _interval(name: str, estimate: Estimate | None) -> dict[str, str]:
    known = estimate is not None and estimate.is_known
    ends = {"low": estimate.low, "high": estimate.high} if known else {"low": None, "high": None}
    return {f"{name}_{end}": f"{value:.4f}" if known else "" for end, value in ends.items()}


def _differences(study: Study) -> pd.DataFrame:
    """Return a row per pair and per effect, in percentage points."""
    asked = [("difference", *pair, found) for pair, found in study.comparison.differences.items()]
    asked += [("effect", name, "", found) for name, found in study.comparison.effects.items()]
    columns = ("kind", "of", "against", "points", "points_low", "points_high", "detectable")
    rows = [
        (kind, one, other, f"{found.value:.4f}", *_interval("", found).values(), _detectable(found))
        for kind, one, other, found in asked
    ]
    return pd.DataFrame(rows, columns=columns)


def _detectable(found: Estimate) -> str:
    return str(found.is_detectable).lower() if found.is_known else ""


def _mistakes(study: Study) -> pd.DataFrame:
    """Return a row per test digit that any network takes for another: how many of each variant's networks do."""
    counts = pd.DataFrame({variant: wrong.sum(axis=0) for variant, wrong in study.wrong.items()})
    counts.insert(0, "label", study.test.labels)
    counts.index.name = "digit"
    return counts[counts.drop(columns="label").any(axis=1)].reset_index()


def _save(table: pd.DataFrame, path: Path) -> None:
    with written_whole(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
