"""The worth of changes on another data set is compared with their worth in the study."""

import numpy as np
import pytest
from support.builders import two_by_two

from lenet.evaluation.comparison import Estimate
from lenet.report import elsewhere
from lenet.report.elsewhere import Worth


def test_each_change_that_the_study_measured_too_is_compared_once(clothes):
    study = two_by_two(dataset="mnist")
    worth = elsewhere.compare(study, clothes)
    assert [(each.change, each.variants) for each in worth] == [
        ("ReLU with SGD", ("b", "a")),
        ("ReLU with Adam", ("b", "a")),
        ("Adam with tanh", ("c", "a")),
        ("Adam with ReLU", ("c", "a")),
        ("ReLU and Adam", ("d", "a")),
    ]
    assert all(each.here == study.comparison.differences[each.variants] for each in worth)


def test_a_sweep_on_the_studys_own_data_set_is_not_compared(clothes):
    assert elsewhere.compare(two_by_two(dataset="fashion_mnist"), clothes) == []


@pytest.mark.parametrize(
    ("there", "verdict"),
    [
        (Estimate(-2.0, -2.2, -1.8), "worth more on B"),
        (Estimate(0.5, 0.4, 0.6), "worth less on B"),
        (Estimate(-0.6, -1.0, -0.2), "no detectable difference"),
        (Estimate(-2.0, np.nan, np.nan), "no detectable difference"),
    ],
)
def test_the_sentence_says_where_a_change_is_worth_more(there, verdict):
    worth = Worth("ReLU", there, Estimate(-0.2, -0.4, 0.0), ("b", "a"))
    assert elsewhere.sentence(worth, "B", "A").endswith(f" on B, −0.20 (−0.40 to 0.00) on A: {verdict}")
