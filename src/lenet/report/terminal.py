"""Print the comparison of the variants in the terminal, and which runs are finished after an interruption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lenet.evaluation.study import Study
from lenet.report import finding
from lenet.report.wording import dataset_title, difference_from_baseline, rounded, validation_error
from lenet.workspace import PAGE

if TYPE_CHECKING:
    from rich.table import Table


def print_summary(study: Study, committed_errors: Mapping[str, float]) -> None:
    """Print the comparison, the path of the report, and the command that opens MLflow."""
    print_table(study, committed_errors)
    print(f"Report: {PAGE.resolve()}\nCompare in MLflow: make ui")


def print_table(study: Study, committed_errors: Mapping[str, float], asked: Sequence[str] = ()) -> None:
    """Print a row per variant, and the result in words.

    committed_errors: variant of the study → its test error in the last commit, in percent, if it has one.
    asked: the variants that the user named, or none.
    """
    headers = ["variant", "validation", *(["before"] if committed_errors else []), "test", f"against\n{study.baseline}"]
    notes = ["Validation: mean ± standard deviation over the seeds. Test: mean over the seeds."]
    notes += ["Before: the test error in the last commit."] if committed_errors else []
    notes += [f"Against {study.baseline}: percentage points and their 95 % interval."] if len(study.results) > 1 else []
    table = _table(f"Errors in percent on {dataset_title(study)}", headers, " ".join(notes))
    for variant in study.results:
        before = [rounded(committed_errors[variant]) if variant in committed_errors else ""] if committed_errors else []
        test = rounded(study.comparison.errors[variant].value)
        table.add_row(
            variant, validation_error(study, variant), *before, test, difference_from_baseline(study, variant)
        )
    _print(table)
    for sentence in finding.answers(study, asked):
        print(sentence)


@dataclass(frozen=True)
class Progress:
    """How many of a variant's runs are finished, and their mean errors in percent. An error that is unknown is None."""

    variant: str
    finished: int
    total: int
    validation_error: float | None
    test_error: float | None


def print_finished(rows: Sequence[Progress]) -> None:
    """Print which runs are finished, with a row per variant."""
    table = _table("Finished runs, errors in percent", ["variant", "finished", "validation", "test"], "")
    for row in rows:
        errors = ("" if error is None else rounded(error) for error in (row.validation_error, row.test_error))
        table.add_row(row.variant, f"{row.finished} of {row.total}", *errors)
    _print(table)


def _table(title: str, headers: Sequence[str], caption: str) -> "Table":
    """Return an empty table with the variants' names in the first column.

    It is narrow, so that the names of params.yaml fit into 80 columns. Longer names are folded.
    """
    from rich import box
    from rich.table import Table

    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    name, *numbers = headers
    table.add_column(name, overflow="fold")
    for header in numbers:
        table.add_column(header, justify="right", no_wrap=True)
    return table


def _print(table: "Table") -> None:
    from rich.console import Console

    Console().print(table)
