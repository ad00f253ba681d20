import pytest
from support.builders import (
    identity,
    noise_test_split,
    save_evaluated,
    seed_result,
    variant_result,
    without_validation,
)
from support.runs import HISTORY, PROVENANCE, TRAINED

from lenet.evaluation.results import load_result
from lenet.mnist.splits import save_split, split_path
from lenet.runs import run_store
from lenet.tracking import contents
from lenet.tracking.mlflow_run import Point


def test_curve_points_count_epochs_from_1_and_include_the_validation_accuracy():
    points = contents.curve_points({"validation/error_percent": [50.0, 0.83]})
    assert points == [
        Point("validation/error_percent", 50.0, 1),
        Point("validation/error_percent", 0.83, 2),
        Point("validation/accuracy", 0.5, 1),
        Point("validation/accuracy", 0.9917, 2),
    ]
    assert {point.metric for point in contents.curve_points({"train/loss": [1.0]})} == {"train/loss"}


def test_final_points_omit_the_recalls_and_include_the_test_accuracy():
    points = {point.metric: point.value for point in contents.final_points(seed_result(error=10.0).metrics)}
    assert points == {
        "test/error_percent": 10.0,
        "test/accuracy": 0.9,
        "test/loss": 0.25,
        "test/calibration_error_percent": 1.5,
    }


def test_the_published_means_are_those_of_the_results_summary():
    result = variant_result("tanh_sgd", errors=[1.0, 2.0])
    means = contents.variant_means(result, "a description")
    values = {point.metric: point.value for point in (*means.curves, *means.final)}  # the last value of each curve
    for name in ("train/error_percent", "validation/error_percent", "test/error_percent", "test/loss"):
        assert values[name] == pytest.approx(result.summary[name], abs=1e-6)
    assert (values["seeds"], values["parameters"], values["test/accuracy"]) == (2, 61_706, 0.985)
    low, high = (result.summary[f"test/error_percent_{bound}"] for bound in ("low", "high"))
    assert means.tags == {"interval": f"{low:.2f} to {high:.2f}"}
    one_seed_means = contents.variant_means(without_validation(variant_result("tanh_sgd", errors=[1.0])), "")
    assert one_seed_means.tags == {"interval": "–"}
    assert not [point for point in (*one_seed_means.curves, *one_seed_means.final) if "validation" in point.metric]


def test_a_run_of_the_run_store_is_read_with_its_history_provenance_and_weights(workspace):
    run_store.save(identity(), TRAINED, PROVENANCE)
    run = contents.from_run_store(identity(), with_model=True)
    assert (run.history, run.provenance, run.result) == (HISTORY, PROVENANCE, None)
    assert (run.model_folder / "model.weights.h5").read_bytes() == TRAINED.weights
    assert contents.from_run_store(identity(), with_model=False).model_folder is None


def test_evaluated_runs_have_mistakes_pages_only_if_the_test_set_exists_and_predictions_match_the_result(workspace):
    save_evaluated("tanh_sgd", [1.0, 2.0])
    runs = contents.evaluated_runs(load_result("tanh_sgd"))
    assert [run.mistakes_page() for run in runs] == [None, None]
    save_split(split_path("test"), noise_test_split())
    pages = [run.mistakes_page() for run in contents.evaluated_runs(load_result("tanh_sgd"))]
    assert [page.count("<figure>") for page in pages] == [1, 2]
    other_result = variant_result("tanh_sgd", errors=[3.0, 2.0])
    assert [run.mistakes_page() for run in contents.evaluated_runs(other_result)] == [None, None]
