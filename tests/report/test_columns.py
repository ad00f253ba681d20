from dataclasses import replace

import pytest
from support.builders import without_validation

from lenet.report import columns


@pytest.mark.parametrize(
    ("column", "baseline_cell", "other_cell"),
    [
        (columns.PARAMETERS, ("61,706", "61706"), ("61,706", "61706")),
        (columns.VALIDATION, ("2.00 ± 1.00", "2.0000"), ("–", "")),
        (columns.AGAINST_BASELINE, ("–", "0"), ("−2.00", "-2.0000")),
        (columns.PUBLISHED, ("", ""), ("0.8", "0.8000")),
    ],
)
def test_a_cell_has_text_for_the_reader_and_a_number_to_sort_by(small_study, column, baseline_cell, other_cell):
    result = without_validation(small_study.results["relu_adam"])
    unvalidated_study = replace(small_study, results=small_study.results | {"relu_adam": result})
    cells = [
        (column.text(unvalidated_study, variant), column.sort_key(unvalidated_study, variant))
        for variant in unvalidated_study.results
    ]
    assert cells == [baseline_cell, other_cell]
