"""The comparison as a table: CSV, terminal, README block and HTML page, all from the same rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from lenet.errors import LabError
from lenet.results import VariantResult
from lenet.workspace import COMPARISON, README, REPORTS, written_whole

PAGE = REPORTS / "index.html"
_START, _END = "<!-- results:start -->", "<!-- results:end -->"
# What stands for a validation error that there is none of, and why there is none.
_NONE = "–"
_WHY_NONE = f"{_NONE}: the validation split was trained on too."
_DATASETS = {"mnist": "MNIST", "digits": "scikit-learn's bundled digits"}

Row = Mapping[str, str]


def comparison(results: Sequence[VariantResult]) -> list[Row]:
    """Return the comparison's rows, one per variant, as text: what is not known (one seed has no sd) is empty."""
    return [_row(result) for result in results]


def save_comparison(rows: Sequence[Row]) -> None:
    """Write reports/comparison.csv."""
    with written_whole(COMPARISON) as partial:
        pd.DataFrame(rows).to_csv(partial, index=False, lineterminator="\n")


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
        return _NONE
    return f"{float(mean):.2f} ± {float(sd):.2f}" if sd else f"{float(mean):.2f}"


def note_on(rows: Sequence[Row]) -> str:
    """Say why some row has no validation error; nothing if all have one."""
    return "" if all(row["validation_error_percent_mean"] for row in rows) else _WHY_NONE


def announce(rows: Sequence[Row], page: Path) -> None:
    """Print the comparison, and where there is more to see."""
    print_table(rows)
    print(f"Report: {page.resolve()}\nCompare in MLflow: make ui")


def print_table(rows: Sequence[Row]) -> None:
    """Print the comparison to the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    title = f"Errors in percent on {dataset_title(rows)}, mean ± standard deviation over the seeds"
    # The longest variant's name fits into 80 columns so.
    table = Table(
        title=title, caption=note_on(rows) or None, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    table.add_column("variant", no_wrap=True)
    for name in ("epochs", "parameters", "validation", "test"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        validation, test = (mean_with_sd(row, f"{split}_error_percent") for split in ("validation", "test"))
        table.add_row(row["variant"], row["epochs"], f"{int(row['parameters']):,}", validation, test)
    Console().print(table)


def dataset_title(rows: Sequence[Row]) -> str:
    """Return the data set's name as a person says it."""
    return " and ".join(_DATASETS[name] for name in dict.fromkeys(row["dataset"] for row in rows))


def readme_block(rows: Sequence[Row], about: Mapping[str, str]) -> str:
    """Return the README's results table, in Markdown."""
    lines = [
        f"Errors in percent on {dataset_title(rows)}, mean ± standard deviation over the seeds:",
        "",
        "| variant | what | parameters | epochs | seeds | validation error | test error |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        validation, test = (mean_with_sd(row, f"{split}_error_percent") for split in ("validation", "test"))
        what = about.get(row["variant"], "").replace("|", "\\|")
        lines.append(
            f"| `{row['variant']}` | {what} | {int(row['parameters']):,} | {row['epochs']} "
            f"| {row['seeds']} | {validation} | **{test}** |"
        )
    if note := note_on(rows):
        lines += ["", note]
    return "\n".join(lines)


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


def save_page(rows: Sequence[Row], about: Mapping[str, str], figures: Mapping[str, str]) -> None:
    """Write reports/index.html, which shows the table and the figures (file name → what it shows)."""
    environment = Environment(
        loader=PackageLoader("lenet"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("index.html").render(
        rows=rows,
        about=about,
        figures=figures,
        dataset=dataset_title(rows),
        note=note_on(rows),
        mean_with_sd=mean_with_sd,
    )
    with written_whole(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def _row(result: VariantResult) -> Row:
    def shown(name: str) -> str:
        return f"{result.summary[name]:.4f}" if name in result.summary else ""

    row = {
        "variant": result.variant,
        "dataset": result.seeds[0].identity.data["dataset"],
        "seeds": len(result.seeds),
        "parameters": result.parameters,
        "multiply_accumulates": result.multiply_accumulates,
        "epochs": result.epochs,
        "train_error_percent_mean": shown("train/error_percent"),
        "validation_error_percent_mean": shown("validation/error_percent"),
        "validation_error_percent_sd": shown("validation/error_percent_sd"),
        "test_error_percent_mean": shown("test/error_percent"),
        "test_error_percent_sd": shown("test/error_percent_sd"),
        "test_loss_mean": shown("test/loss"),
        "calibration_error_percent_mean": shown("test/calibration_error_percent"),
    }
    return {name: str(value) for name, value in row.items()}
