"""The columns of the tables of variants that people read: in the README, in the terminal and on the page.

To add a column, define it and name it in the tables that show it. comparison.csv, for programs, is made in tables.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lenet.evaluation.metrics import VALIDATION_ERROR
from lenet.evaluation.study import Study
from lenet.report import wording


@dataclass(frozen=True)
class Column:
    """A column of numbers. `title` and `page_title` may name the base, as in "against {base}".

    text: what the cell of a variant says. number: what the page sorts the column by, None for an empty cell.
    """

    title: str
    text: Callable[[Study, str], str]
    number: Callable[[Study, str], float | None]
    page_title: str
    is_bold: bool = False

    def sort_key(self, study: Study, variant: str) -> str:
        """Return the number as text, with as many decimals as in comparison.csv; empty where there is none."""
        number = self.number(study, variant)
        if number is None:
            return ""
        return str(number) if isinstance(number, int) else f"{number:.4f}"


def _count(title: str, count: Callable[[Study, str], int]) -> Column:
    return Column(title, lambda study, variant: f"{count(study, variant):,}", count, title)


def _difference(study: Study, variant: str) -> float:
    return 0 if variant == study.base else study.comparison.differences[variant, study.base].value


def _published(study: Study, variant: str) -> float | None:
    return study.published[variant].error_percent if variant in study.published else None


PARAMETERS = _count("parameters", lambda study, variant: study.results[variant].parameters)
OPERATIONS = _count("multiply–accumulates", lambda study, variant: study.results[variant].multiply_accumulates)
EPOCHS = _count("epochs", lambda study, variant: study.results[variant].epochs)
VALIDATION = Column(
    "validation",
    wording.validation_error,
    lambda study, variant: study.results[variant].summary.get(VALIDATION_ERROR),
    page_title="validation error",
)
TEST = Column(
    "test",
    wording.test_error,
    lambda study, variant: study.comparison.errors[variant].value,
    page_title="test error (95 % interval)",
    is_bold=True,
)
AGAINST_BASE = Column("against `{base}`", wording.difference_from_base, _difference, page_title="against {base}")
PUBLISHED = Column("published", lambda *cell: str(_published(*cell) or ""), _published, page_title="published")

IN_README = (PARAMETERS, EPOCHS, VALIDATION, TEST, AGAINST_BASE, PUBLISHED)
IN_TERMINAL = (EPOCHS, PARAMETERS, VALIDATION, TEST)
ON_PAGE = (TEST, AGAINST_BASE, VALIDATION, PARAMETERS, OPERATIONS, EPOCHS)
