"""The columns of the tables that people read: in results.md and on the report's page.

The tables have a row per variant. To add a column, define it here and list it in IN_RESULTS or ON_PAGE.
comparison.csv, the table for other programs, is made in tables.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from lenet.evaluation.metrics import VALIDATION_ERROR
from lenet.evaluation.study import Study
from lenet.report import wording


@dataclass(frozen=True)
class Column:
    """A column of numbers. `title` and `page_title` may contain "{baseline}" for the name of the baseline.

    text: a function that returns the text of a variant's cell. number: a function that returns the number by which the
    page sorts the rows, or None if the cell is empty.
    """

    title: str
    text: Callable[[Study, str], str]
    number: Callable[[Study, str], float | None]
    page_title: str
    is_bold: bool = False

    def sort_key(self, study: Study, variant: str) -> str:
        """Return the number by which the page sorts the variant's row, as text.

        The text is an integer, or has four decimals as in comparison.csv. It is empty if there is no number.
        """
        number = self.number(study, variant)
        if number is None:
            return ""
        return str(number) if isinstance(number, int) else f"{number:.4f}"


def _count_column(title: str, count: Callable[[Study, str], int]) -> Column:
    return Column(title, lambda study, variant: f"{count(study, variant):,}", count, title)


def _difference_value(study: Study, variant: str) -> float:
    return 0 if variant == study.baseline else study.comparison.differences[variant, study.baseline].value


def _published_error(study: Study, variant: str) -> float | None:
    return study.published[variant].error_percent if variant in study.published else None


PARAMETERS = _count_column("parameters", lambda study, variant: study.results[variant].parameters)
OPERATIONS = _count_column("multiply–accumulates", lambda study, variant: study.results[variant].multiply_accumulates)
EPOCHS = _count_column("epochs", lambda study, variant: study.results[variant].epochs)
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
AGAINST_BASELINE = Column(
    "against `{baseline}`", wording.difference_from_baseline, _difference_value, page_title="against {baseline}"
)
AGAINST_BASELINE_IN_NUMBERS = replace(AGAINST_BASELINE, text=partial(wording.difference_from_baseline, in_numbers=True))
PUBLISHED = Column(
    "published",
    lambda study, variant: wording.published_error(study, variant) if variant in study.published else "",
    _published_error,
    page_title="published",
)

IN_RESULTS = (PARAMETERS, EPOCHS, VALIDATION, TEST, AGAINST_BASELINE_IN_NUMBERS, PUBLISHED)
ON_PAGE = (TEST, AGAINST_BASELINE, VALIDATION, PARAMETERS, OPERATIONS, EPOCHS)
