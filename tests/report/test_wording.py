"""Numbers are worded for people."""

import re
from dataclasses import replace

import pytest
from support.builders import study, without_validation

from lenet.evaluation.comparison import Estimate
from lenet.report.readme import readme_block
from lenet.report.tables import comparison_rows
from lenet.report.terminal import print_table
from lenet.report.wording import (
    dataset_title,
    difference,
    difference_from_base,
    mean_with_interval,
    mean_with_sd,
    signed,
)

ERRORS = {"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}


def test_a_mean_is_shown_with_its_standard_deviation(rows):
    assert mean_with_sd(rows[0]) == "2.00 ± 1.00"


def test_the_mean_of_one_seed_is_shown_alone(rows):
    assert mean_with_sd(rows[1]) == "0.00"
    assert mean_with_interval(rows[1]) == "0.00"


def test_the_test_error_is_shown_with_its_interval(rows):
    assert re.fullmatch(r"2\.00 \(0\.\d\d–\d+\.\d\d\)", mean_with_interval(rows[0]))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(-0.41, -0.59, -0.24), "−0.41 (−0.59 to −0.24)"),
        (Estimate(1.1234, 0.8, 1.4), "+1.12 (+0.80 to +1.40)"),
        (Estimate(0.1, -0.1, 0.3), "no detectable difference"),
        (Estimate(-0.5, float("nan"), float("nan")), "−0.50"),
    ],
)
def test_a_difference_is_a_number_only_where_it_was_detected(estimate, words):
    assert difference(estimate) == words


def test_the_base_differs_from_nothing_and_one_seed_has_no_interval(rows):
    assert [difference_from_base(row) for row in rows] == ["–", "−2.00"]


def test_nothing_has_no_sign():
    assert (signed(-0.001), signed(0.004)) == ("0.00", "0.00")


def unvalidated():
    """A variant that was trained on the validation split too, and one that was not."""
    made = study({"all": [1.0], "relu_adam": [2.0]})
    return comparison_rows(replace(made, results=made.results | {"all": without_validation(made.results["all"])}))


NOTE = "– for validation: the network was trained on that split too."


def test_a_validation_error_that_there_is_none_of_is_a_dash_with_a_note(capsys):
    rows = unvalidated()
    assert (rows[0]["validation_error_percent_mean"], rows[0]["validation_error_percent_sd"]) == ("", "")
    block = readme_block(rows, {})
    assert "| 2 | – | **1.00** |" in block
    assert NOTE in block
    print_table(rows)
    printed = " ".join(capsys.readouterr().out.split())
    assert NOTE in printed
    assert re.search(r"all .* – 1\.00", printed)


def test_where_all_have_a_validation_error_there_is_no_such_note(rows, capsys):
    print_table(rows)
    for text in (readme_block(rows, {}), capsys.readouterr().out):
        assert "trained on too" not in text


def test_a_standard_deviation_of_zero_is_shown():
    (row,) = comparison_rows(study({"tanh_sgd": [4.0, 4.0]}))
    assert mean_with_sd(row) == "4.00 ± 0.00"


def test_data_sets_are_named_as_a_person_says_them(rows):
    assert dataset_title(comparison_rows(study({"a": [1.0]}, dataset="mnist"))) == "MNIST"
    assert dataset_title(comparison_rows(study(ERRORS))) == "scikit-learn's bundled digits"
