"""The worth of changes on another data set is compared with their worth in the study."""

import numpy as np
import pytest
from support.builders import settings, two_by_two

from lenet.evaluation.comparison import Estimate
from lenet.report import elsewhere
from lenet.report.elsewhere import Worth
from lenet.report.sweep_results import Effects, SweepResult
from lenet.settings import Variant

RELU, ADAM, COSINE = {"activation": "relu"}, {"optimizer": "adam"}, {"schedule": "cosine"}


def sweep_on(dataset):
    """Return a sweep whose recipes are those of `two_by_two`, and the recipe of `d` with a falling rate."""
    changes = {"neither": {}, "relu": RELU, "adam": ADAM, "both": RELU | ADAM, "falling": RELU | ADAM | COSINE}
    pairs = [("relu", "neither"), ("adam", "neither"), ("both", "adam"), ("both", "neither"), ("falling", "both")]
    effects = Effects((), {pair: Estimate(-1.0, -1.5, -0.5) for pair in pairs}, Estimate(0.0, -1.0, 1.0))
    recipes = {name: Variant.model_validate(settings(**changed)) for name, changed in changes.items()}
    return SweepResult("clothes", dataset, "?", recipes, b"", [effects, effects])


def test_each_change_that_the_study_measured_too_is_compared_once():
    study = two_by_two(dataset="mnist")
    worth = elsewhere.compare(study, sweep_on("fashion_mnist"))
    assert [(each.change, each.variants) for each in worth] == [
        ("ReLU with SGD", ("b", "a")),
        ("Adam with tanh", ("c", "a")),
        ("ReLU with Adam", ("b", "a")),
        ("ReLU and Adam", ("d", "a")),
    ]
    assert all(each.here == study.comparison.differences[each.variants] for each in worth)


def test_a_sweep_on_the_studys_own_data_set_is_not_compared():
    assert elsewhere.compare(two_by_two(dataset="mnist"), sweep_on("mnist")) == []


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
