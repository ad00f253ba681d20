"""Numbers become text that people can read."""

import re
from dataclasses import replace

import pytest
from support.builders import study, without_validation

from lenet.evaluation.comparison import Estimate
from lenet.report import wording

NOTE = "– for validation: the variant also trains on the validation images."


def test_an_error_is_a_mean_with_its_spread_or_only_a_number_for_one_seed(small_study):
    assert wording.validation_error(small_study, "tanh_sgd") == "2.00 ± 1.00"
    assert re.fullmatch(r"2\.00 \(0\.\d\d–\d+\.\d\d\)", wording.test_error(small_study, "tanh_sgd"))
    assert wording.validation_error(small_study, "relu_adam") == wording.test_error(small_study, "relu_adam") == "0.00"


def test_a_standard_deviation_of_zero_is_shown():
    assert wording.validation_error(study({"tanh_sgd": [4.0, 4.0]}), "tanh_sgd") == "4.00 ± 0.00"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(-0.41, -0.59, -0.24), "−0.41 (−0.59 to −0.24)"),
        (Estimate(1.1234, 0.8, 1.4), "+1.12 (+0.80 to +1.40)"),
        (Estimate(0.1, -0.1, 0.3), "no detectable difference"),
        (Estimate(-0.5, float("nan"), float("nan")), "−0.50"),
    ],
)
def test_a_difference_is_a_number_only_if_it_is_detectable_or_has_no_interval(estimate, text):
    assert wording.difference(estimate) == text


def test_a_number_is_rounded_once_and_equally_wherever_it_is_computed():
    assert wording.rounded(10.584958) == "10.58"
    assert wording.rounded(0.095) == wording.rounded(0.095 - 1e-15) == wording.rounded(0.095 + 1e-15) == "0.10"
    assert wording.signed(-0.095 + 1e-15) == "−0.10"


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert (wording.signed(-0.001), wording.signed(0.004)) == ("0.00", "0.00")


def test_a_missing_validation_error_is_a_dash_with_a_note(small_study):
    assert NOTE not in wording.note_on_errors(small_study)
    unvalidated_study = replace(
        small_study, results=small_study.results | {"tanh_sgd": without_validation(small_study.results["tanh_sgd"])}
    )
    assert wording.validation_error(unvalidated_study, "tanh_sgd") == "–"
    assert NOTE in wording.note_on_errors(unvalidated_study)


def test_the_note_says_that_the_interval_of_the_primary_comparison_is_not_widened():
    two = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}
    errors = two | {"relu_sgd": [5.0, 6.0], "modern": [1.0, 2.0]}
    note = wording.note_on_differences(study(errors, primary=("relu_adam", "tanh_sgd")))
    assert (
        "interval, widened because there are several; only that of relu_adam, the primary comparison, is not." in note
    )
    assert "interval, widened because there are several. An interval" in wording.note_on_differences(study(errors))
    assert "widened" not in wording.note_on_differences(study(two))  # the only difference
    assert wording.note_on_differences(study({"tanh_sgd": [10.0], "relu_adam": [3.0]})) == ""
