"""The comparison in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from lenet.report.tables import Row
from lenet.report.wording import dataset_title, mean_with_interval, mean_with_sd, note_on_errors


def announce(rows: Sequence[Row], page: Path) -> None:
    """Print the comparison, and where there is more to see."""
    print_table(rows)
    print(f"Report: {page.resolve()}\nCompare in MLflow: make ui")


def print_table(rows: Sequence[Row]) -> None:
    """Print the comparison to the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # So narrow that the longest variant's name fits into 80 columns.
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
        table.add_row(row["variant"], row["epochs"], parameters, mean_with_sd(row), mean_with_interval(row))
    Console().print(table)
