"""Print the comparison of the variants in the terminal."""

from pathlib import Path

from lenet.evaluation.study import Study
from lenet.report import columns
from lenet.report.wording import dataset_title, note_on_errors


def print_summary(study: Study, page: Path) -> None:
    """Print the comparison, the path of the report, and the command that opens MLflow."""
    print_table(study)
    print(f"Report: {page.resolve()}\nCompare in MLflow: make ui")


def print_table(study: Study) -> None:
    """Print the comparison to the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # The table is narrow, so that the longest name of a variant fits into 80 columns.
    table = Table(
        title=f"Errors in percent on {dataset_title(study)}",
        caption=note_on_errors(study),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("variant", no_wrap=True)
    for column in columns.IN_TERMINAL:
        table.add_column(column.title.format(baseline=study.baseline), justify="right", no_wrap=True)
    for variant in study.results:
        table.add_row(variant, *(column.text(study, variant) for column in columns.IN_TERMINAL))
    Console().print(table)
