"""Print the comparison of the variants in the terminal, and which runs are finished after an interruption."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lenet.evaluation.study import Study
from lenet.report import finding
from lenet.report.wording import dataset_title, difference_from_baseline, rounded, validation_error

if TYPE_CHECKING:
    from rich.table import Table


def print_summary(study: Study, committed_errors: Mapping[str, float], page: Path) -> None:
    """Print the comparison, the path of the report, and the command that opens MLflow."""
    print_table(study, committed_errors)
    print(f"Report: {page.resolve()}\nCompare in MLflow: make ui")


def print_table(study: Study, committed_errors: Mapping[str, float], asked: Sequence[str] = ()) -> None:
    """Print a row per variant, and the result in words.

    committed_errors: variant → its test error in the last commit, in percent; variants without one may be missing.
    asked: the variants that the user named, or none.
    """
    before = {variant: committed_errors[variant] for variant in study.results if variant in committed_errors}
    headers = ["variant", "validation", *(["before"] if before else []), "test", f"against {study.baseline}"]
    notes = ["Validation: mean ± standard deviation over the seeds. Test: mean over the seeds."]
    notes += ["Before: the test error in the last commit."] if before else []
    notes += [f"Against {study.baseline}: percentage points and their 95 % interval."] if len(study.results) > 1 else []
    table = _table(f"Errors in percent on {dataset_title(study)}", headers, " ".join(notes))
    for variant in study.results:
        committed = [rounded(before[variant]) if variant in before else ""] if before else []
        test = rounded(study.comparison.errors[variant].value)
        table.add_row(
            variant, validation_error(study, variant), *committed, test, difference_from_baseline(study, variant)
        )
    _print(table)
    for sentence in finding.answers(study, asked):
        print(sentence)


def print_finished(rows: Sequence[tuple[str, int, int, float | None, float | None]]) -> None:
    """Print which runs are finished.

    rows: variant, number of finished runs, number of all runs, validation error and test error in percent: means over
    the finished runs, None if unknown.
    """
    table = _table("Finished runs, errors in percent", ["variant", "finished", "validation", "test"], "")
    for variant, finished, total, *errors in rows:
        table.add_row(variant, f"{finished} of {total}", *("" if error is None else rounded(error) for error in errors))
    _print(table)


def _table(title: str, headers: Sequence[str], caption: str) -> "Table":
    """Return an empty table. It is narrow, so that the longest name of a variant fits into 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    name, *numbers = headers
    table.add_column(name, no_wrap=True)
    for header in numbers:
        table.add_column(header, justify="right", no_wrap=True)
    return table


def _print(table: "Table") -> None:
    from rich.console import Console

    Console().print(table)
