from dataclasses import replace

import pytest
from support.builders import FOUR, misread, save_evaluated, study, two_by_two

from lenet.errors import LabError
from lenet.evaluation.misread import save_misread
from lenet.evaluation.study import load_study
from lenet.settings import load_settings


@pytest.fixture
def evaluated(workspace):
    for variant in ("relu_adam", "modern"):
        save_evaluated(variant, [3.0, 4.0])
    return load_settings()


def test_without_the_ladders_first_the_next_rung_is_the_base(evaluated):
    loaded = load_study(evaluated, ["modern", "relu_adam"])
    assert (loaded.ladder, loaded.base) == (["relu_adam", "modern"], "relu_adam")
    assert loaded.wrong["modern"].sum(axis=1).tolist() == [3, 4]  # as evaluate counted
    assert loaded.primary is None
    assert list(loaded.comparison.differences) == [("modern", "relu_adam")]
    assert loaded.comparison.effects == {}


@pytest.mark.parametrize("others", [[3.0, 4.0, 4.0], [3.0, 5.0]], ids=["another seed", "another error"])
def test_misread_digits_of_other_results_are_refused(evaluated, others):
    save_misread("modern", misread(others), range(len(others)))
    with pytest.raises(LabError, match=r"^reports/misread/modern\.csv is not of these results: .*evaluate@modern`$"):
        load_study(evaluated, ["modern"])


def test_changes_are_the_settings_that_differ():
    made = study({"a": [1.0, 2.0], "b": [1.0, 2.0]}, changes={"b": {"batch_size": 64}})
    assert made.changes("b", since="a") == {"batch_size": (32, 64)}


def test_the_primary_difference_comes_first_and_once():
    made = study(FOUR, primary=("d", "a"))
    assert made.primary == ("d", "a")
    assert next(iter(made.comparison.differences)) == ("d", "a")
    assert len(made.comparison.differences) == len(study(FOUR).comparison.differences)


def test_effects_of_one_setting_are_named_by_their_variants():
    made = two_by_two(changes={"b": {"batch_size": 64}, "c": {"batch_size": 128}})
    assert list(made.comparison.effects) == ["b", "c", "interaction"]


def test_todays_network_is_compared_with_the_papers_on_mnist_alone():
    errors = {"a": [9.0, 8.0], "b": [1.0, 2.0], "paper": [4.0, 5.0]}
    made = study(errors, published={"paper": 0.95}, dataset="mnist")
    compared = made.settings.comparison.model_copy(update={"ladder": ("a", "b")})
    made = replace(made, settings=made.settings.model_copy(update={"comparison": compared}))
    assert (made.original, made.top) == ("paper", "b")
    assert list(made.comparison.differences) == [("b", "a"), ("paper", "a"), ("b", "paper")]
    assert study(errors, published={"paper": 0.95}).published == {}
