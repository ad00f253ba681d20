import pytest
from support.builders import (
    digits_of_the_test,
    identity,
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


def test_epochs_are_counted_from_1_and_the_error_has_its_accuracy_beside_it():
    points = contents.curves({"validation/error_percent": [50.0, 0.83]})
    assert points == [
        Point("validation/error_percent", 50.0, 1),
        Point("validation/error_percent", 0.83, 2),
        Point("validation/accuracy", 0.5, 1),
        Point("validation/accuracy", 0.9917, 2),
    ]
    assert {point.metric for point in contents.curves({"train/loss": [1.0]})} == {"train/loss"}


def test_recall_is_no_metric_and_the_test_error_has_its_accuracy_beside_it():
    points = {point.metric: point.value for point in contents.final(seed_result(error=10.0).metrics)}
    assert points == {
        "test/error_percent": 10.0,
        "test/accuracy": 0.9,
        "test/loss": 0.25,
        "test/calibration_error_percent": 1.5,
    }


def test_means_are_over_the_seeds_and_end_as_the_summary_does():
    result = variant_result("tanh_sgd", errors=[1.0, 2.0])
    means = contents.means_of_result(result, "a description")
    shown = {point.metric: point.value for point in (*means.curves, *means.final)}  # the last epoch's
    for name in ("train/error_percent", "validation/error_percent", "test/error_percent", "test/loss"):
        assert shown[name] == pytest.approx(result.summary[name], abs=1e-6)
    assert (shown["seeds"], shown["parameters"], shown["test/accuracy"]) == (2, 61_706, 0.985)
    low, high = (result.summary[f"test/error_percent_{end}"] for end in ("low", "high"))
    assert means.tags == {"interval": f"{low:.2f} to {high:.2f}"}
    of_one_seed = contents.means_of_result(without_validation(variant_result("tanh_sgd", errors=[1.0])), "")
    assert of_one_seed.tags == {"interval": "–"}
    assert not [point for point in (*of_one_seed.curves, *of_one_seed.final) if "validation" in point.metric]


def test_a_run_of_the_run_store_has_its_curves_its_provenance_and_its_files(workspace):
    run_store.save(identity(), TRAINED, PROVENANCE)
    run = contents.from_run_store(identity(), with_model=True)
    assert (run.history, run.provenance, run.result) == (HISTORY, PROVENANCE, None)
    assert (run.model / "model.weights.h5").read_bytes() == TRAINED.weights
    assert contents.from_run_store(identity(), with_model=False).model is None


def test_evaluated_runs_have_their_mistakes_where_predictions_and_test_set_are_here_and_fit(workspace):
    save_evaluated("tanh_sgd", [1.0, 2.0])
    runs = contents.evaluated_runs(load_result("tanh_sgd"))
    assert [run.mistakes() for run in runs] == [None, None]
    save_split(split_path("test"), digits_of_the_test())
    pages = [run.mistakes() for run in contents.evaluated_runs(load_result("tanh_sgd"))]
    assert [page.count("<figure>") for page in pages] == [1, 2]
    other = variant_result("tanh_sgd", errors=[3.0, 2.0])
    assert [run.mistakes() for run in contents.evaluated_runs(other)] == [None, None]
