from dataclasses import replace

import pytest
from support.builders import without_validation

from lenet.report import columns


@pytest.mark.parametrize(
    ("column", "base", "other"),
    [
        (columns.PARAMETERS, ("61,706", "61706"), ("61,706", "61706")),
        (columns.VALIDATION, ("2.00 ± 1.00", "2.0000"), ("–", "")),
        (columns.AGAINST_BASE, ("–", "0"), ("−2.00", "-2.0000")),
        (columns.PUBLISHED, ("", ""), ("0.8", "0.8000")),
    ],
)
def test_a_cell_has_a_text_to_read_and_a_number_to_sort_by(small, column, base, other):
    unvalidated = without_validation(small.results["relu_adam"])
    made = replace(small, results=small.results | {"relu_adam": unvalidated})
    cells = [(column.text(made, variant), column.sort_key(made, variant)) for variant in made.results]
    assert cells == [base, other]
