"""The worth of changes on another data set is compared with their worth in the study."""

from dataclasses import replace

import numpy as np
import pytest
from support.builders import two_by_two

from lenet.evaluation.comparison import Estimate
from lenet.report import other_dataset
from lenet.report.other_dataset import Worth


def test_each_change_is_compared_with_the_same_change_of_the_same_recipe(clothes):
    study = two_by_two(dataset="mnist")
    found = other_dataset.compare(study, clothes)
    assert [(each.words, each.in_sweep.value, each.variants) for each in found] == [
        ("ReLU with SGD", 0.0, ("b", "a")),
        ("ReLU with Adam", 1.0, ("d", "c")),
        ("Adam with tanh", 2.0, ("c", "a")),
        ("Adam with ReLU", 3.0, ("d", "b")),
        ("ReLU and Adam", 4.0, ("d", "a")),  # not that of the second design, where the learning rate falls
    ]
    assert all(each.in_study == study.comparison.differences[each.variants] for each in found)
    assert {each.only_in_study for each in found} == {""}


def test_what_only_the_studys_recipes_have_is_told(clothes):
    pooled = {name: recipe.model_copy(update={"pooling": "blur"}) for name, recipe in clothes.recipes.items()}
    found = other_dataset.compare(two_by_two(dataset="mnist"), replace(clothes, recipes=pooled))
    assert {each.only_in_study for each in found} == {"average pooling"}


def test_a_sweep_on_the_studys_own_data_set_is_not_compared(clothes):
    assert other_dataset.compare(two_by_two(dataset="fashion_mnist"), clothes) == []


@pytest.mark.parametrize(
    ("in_sweep", "ending"),
    [
        (Estimate(-2.0, -2.2, -1.8), "; detectably more"),
        (Estimate(0.5, 0.4, 0.6), "; detectably less"),
        (Estimate(-0.6, -1.0, -0.2), "; not detectably different"),
        (Estimate(-2.0, np.nan, np.nan), ""),
    ],
)
def test_the_sentence_says_where_a_change_helps_more(clothes, in_sweep, ending):
    worth = Worth({}, "ReLU", in_sweep, Estimate(-0.2, -0.4, 0.0), ("b", "a"))
    sentence = other_dataset.sentence(two_by_two(dataset="mnist"), clothes, worth)
    assert sentence.endswith(f" on Fashion-MNIST and −0.20 (−0.40 to 0.00) on MNIST (`b` against `a`){ending}")


def test_the_brief_sentence_gives_both_worths_without_intervals(clothes):
    in_study = Estimate(-0.2, -0.4, 0.0)
    worths = [
        Worth({}, "ReLU", Estimate(-2.0, -2.2, -1.8), in_study, ("b", "a")),
        Worth({}, "Adam", Estimate(-0.6, np.nan, np.nan), in_study, ("c", "a"), "max pooling"),
    ]
    assert other_dataset.brief_sentence(two_by_two(dataset="mnist"), clothes, worths) == (
        "On Fashion-MNIST, in points of validation error (MNIST: of test error): "
        "ReLU −2.00 (MNIST −0.20), detectably more; Adam −0.60 (MNIST, with max pooling, −0.20)"
    )
