from dataclasses import replace

import numpy as np
import pytest
from support.builders import FOUR, misread, save_evaluated, study, two_by_two, variant_result

from lenet.errors import LabError
from lenet.evaluation.misread import save_misread
from lenet.evaluation.results import save_result
from lenet.evaluation.study import load_study
from lenet.settings import load_settings


@pytest.fixture
def evaluated(workspace):
    for variant in ("relu_adam", "modern"):
        save_evaluated(variant, [3.0, 4.0])
    return load_settings()


def test_if_the_first_rung_is_not_in_the_study_the_next_rung_is_the_baseline(evaluated):
    loaded = load_study(evaluated, ["modern", "relu_adam"])
    assert (loaded.ladder, loaded.baseline) == (["relu_adam", "modern"], "relu_adam")
    assert loaded.wrong["modern"].sum(axis=1).tolist() == [3, 4]  # as in the details that evaluate wrote
    assert loaded.primary is None
    assert list(loaded.comparison.differences) == [("modern", "relu_adam")]
    assert loaded.comparison.effects == {}


@pytest.mark.parametrize("other_errors", [[3.0, 4.0, 4.0], [3.0, 5.0]], ids=["another seed", "another error"])
def test_a_misread_table_that_does_not_agree_with_the_results_raises_an_error(evaluated, other_errors):
    save_misread("modern", misread(other_errors), range(len(other_errors)))
    with pytest.raises(LabError, match=r"^reports/misread/modern\.csv does not agree with .*evaluate@modern`$"):
        load_study(evaluated, ["modern"])


def test_results_on_two_data_sets_are_not_compared(evaluated):
    save_result(variant_result("modern", [3.0, 4.0], dataset="mnist"))
    with pytest.raises(LabError, match=r"^reports/ has results on .+ and .+, which cannot be compared: run"):
        load_study(evaluated, ["relu_adam", "modern"])


def test_the_primary_difference_comes_first_and_only_once():
    built_study = study(FOUR, primary=("d", "a"))
    assert built_study.primary == ("d", "a")
    assert next(iter(built_study.comparison.differences)) == ("d", "a")
    assert len(built_study.comparison.differences) == len(study(FOUR).comparison.differences)


def test_two_effects_of_the_same_setting_are_named_after_their_variants():
    built_study = two_by_two(changes={"b": {"batch_size": 64}, "c": {"batch_size": 128}})
    assert list(built_study.comparison.effects) == ["b", "c", "interaction"]


def test_a_published_error_is_compared_with_the_interval_for_one_more_run():
    compared = study({"tanh_sgd": [11.0, 12.0, 13.0]}, published={"tanh_sgd": 7.1}, dataset="mnist")
    prediction = compared.prediction("tanh_sgd")
    half_width = 4.302653 * 1.0 * np.sqrt(4 / 3)  # Student's t with two degrees of freedom: 4.97
    assert prediction.value == pytest.approx(12.0)
    assert (prediction.low, prediction.high) == pytest.approx((12 - half_width, 12 + half_width))
    assert compared.agrees_with_published("tanh_sgd")
    further = study({"tanh_sgd": [11.0, 12.0, 13.0]}, published={"tanh_sgd": 7.0}, dataset="mnist")
    assert further.agrees_with_published("tanh_sgd") is False


@pytest.mark.parametrize("errors", [[1.0], [2.0, 2.0]])
def test_without_scatter_there_is_no_interval_for_one_more_run(errors):
    compared = study({"tanh_sgd": errors}, published={"tanh_sgd": 7.0}, dataset="mnist")
    assert not compared.prediction("tanh_sgd").has_interval
    assert compared.agrees_with_published("tanh_sgd") is None


def test_no_run_misreads_fewer_than_no_image():
    assert study({"tanh_sgd": [1.0, 2.0]}).prediction("tanh_sgd").low == 0


def test_the_top_is_compared_with_the_original_and_only_mnist_has_published_errors():
    errors = {"a": [9.0, 8.0], "b": [1.0, 2.0], "paper": [4.0, 5.0]}
    built_study = study(errors, published={"paper": 0.95}, dataset="mnist")
    compared = built_study.settings.comparison.model_copy(update={"ladder": ("a", "b")})
    built_study = replace(built_study, settings=built_study.settings.model_copy(update={"comparison": compared}))
    assert (built_study.original, built_study.top) == ("paper", "b")
    assert list(built_study.comparison.differences) == [("b", "a"), ("paper", "a"), ("b", "paper")]
    assert study(errors, published={"paper": 0.95}).published == {}
