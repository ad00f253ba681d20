"""Numbers are worded for people."""

import re
from dataclasses import replace

import pytest
from support.builders import study, without_validation

from lenet.evaluation.comparison import Estimate
from lenet.report import wording

NOTE = "– for validation: the network was trained on that split too."


def test_errors_are_means_with_their_spread_and_of_one_seed_alone(small):
    assert wording.validation_error(small, "tanh_sgd") == "2.00 ± 1.00"
    assert re.fullmatch(r"2\.00 \(0\.\d\d–\d+\.\d\d\)", wording.test_error(small, "tanh_sgd"))
    assert wording.validation_error(small, "relu_adam") == wording.test_error(small, "relu_adam") == "0.00"


def test_a_standard_deviation_of_zero_is_shown():
    assert wording.validation_error(study({"tanh_sgd": [4.0, 4.0]}), "tanh_sgd") == "4.00 ± 0.00"


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
    assert wording.difference(estimate) == words


def test_nothing_has_no_sign():
    assert (wording.signed(-0.001), wording.signed(0.004)) == ("0.00", "0.00")


def test_a_validation_error_that_there_is_none_of_is_a_dash_with_a_note(small):
    assert NOTE not in wording.note_on_errors(small)
    made = replace(small, results=small.results | {"tanh_sgd": without_validation(small.results["tanh_sgd"])})
    assert wording.validation_error(made, "tanh_sgd") == "–"
    assert NOTE in wording.note_on_errors(made)


def test_of_the_primary_difference_the_note_says_that_it_is_not_adjusted():
    errors = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}
    note = wording.note_on_differences(study(errors, primary=("relu_adam", "tanh_sgd")))
    assert note.endswith("95 % intervals are simultaneous; that of relu_adam, the primary contrast, is not adjusted.")
    assert wording.note_on_differences(study(errors)).endswith("95 % intervals are simultaneous.")
    assert wording.note_on_differences(study({"tanh_sgd": [10.0], "relu_adam": [3.0]})) == ""


def test_data_sets_are_named_as_a_person_says_them(small):
    assert wording.dataset_title(small) == "MNIST"
    assert wording.dataset_title(study({"a": [1.0]})) == "scikit-learn's bundled digits"
