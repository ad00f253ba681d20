import json
import shutil
from urllib.parse import parse_qs

import numpy as np
import pytest
from support.builders import variant_result, without_validation
from support.params import edit_params

from lenet.evaluation.metrics import TEST_ERROR_INTERVAL
from lenet.evaluation.results import save_result
from lenet.tracking import publish
from lenet.workspace import DETAILS

pytestmark = pytest.mark.slow  # a real database


def publish_result(result, about=""):
    """Save a variant's results as evaluate does, and publish them under that description."""
    save_result(result)
    with edit_params() as params:
        params["about"][result.variant] = about
    return publish.publish_variant(result.variant)


def all_runs(client):
    return client.search_runs([each.experiment_id for each in client.search_experiments()])


def everything_in(client):
    """All that a person could see double: runs, points, artifacts."""
    seen = {}
    for run in all_runs(client):
        points = [len(client.get_metric_history(run.info.run_id, name)) for name in sorted(run.data.metrics)]
        artifacts = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        seen[run.info.run_id] = (run.data.metrics, points, artifacts, len(run.outputs.model_outputs))
    return seen


def test_publishing_twice_changes_nothing(client):
    result = variant_result("tanh_sgd", errors=[1.0, 2.0])
    assert publish_result(result) == 2
    before = everything_in(client())
    assert len(before) == 3
    assert publish_result(result) == 0
    assert everything_in(client()) == before


def test_a_new_seed_joins_its_parent_and_changes_the_mean(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0, 6.0]))
    (parent,) = [run for run in all_runs(client()) if run.data.tags["kind"] == "variant"]
    children = [run for run in all_runs(client()) if run.data.tags["kind"] == "seed"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert (len(children), parent.data.metrics["seeds"], parent.data.metrics["test/error_percent"]) == (3, 3, 3.0)


def test_a_run_of_unknown_provenance_says_that_it_was_republished(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0]))
    (child,) = [run for run in all_runs(client()) if run.data.tags["kind"] == "seed"]
    assert child.data.tags["republished"] == "true"
    assert child.info.status == "FINISHED"


def test_a_variant_without_validation_is_published_without_it(client):
    publish_result(without_validation(variant_result("tanh_sgd", errors=[1.0])))
    names = {name for run in all_runs(client()) for name in run.data.metrics}
    assert "train/error_percent" in names
    assert [name for name in names if name.startswith("validation/")] == []


def test_a_parent_tells_what_it_is_and_a_run_shows_its_confusion(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0]), about="tanh and SGD")
    (parent,) = [run for run in all_runs(client()) if run.data.tags["kind"] == "variant"]
    (child,) = [run for run in all_runs(client()) if run.data.tags["kind"] == "seed"]
    assert parent.data.tags["mlflow.note.content"].startswith("Test error **1.00 %**.\n\ntanh and SGD\n")
    assert {"confusion.json", "confusion.png"} == {file.path for file in client().list_artifacts(child.info.run_id)}


def test_committed_metrics_alone_can_be_published_and_a_lost_store_rebuilt(sqlite_client, workspace, capsys):
    for variant in ("tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0, 2.0]))
    publish.main()
    before = sorted(run.data.metrics["test/error_percent"] for run in all_runs(sqlite_client()))
    assert before == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]
    (workspace / "mlflow.db").unlink()
    shutil.rmtree(workspace / "mlartifacts")
    publish.main()
    assert sorted(run.data.metrics["test/error_percent"] for run in all_runs(sqlite_client())) == before
    said = capsys.readouterr().err
    assert "tanh_sgd: published 2 runs" in said
    assert "published 4 runs that" in said


def test_results_of_a_variant_without_settings_are_not_published(client, workspace):
    save_result(variant_result("gone", errors=[1.0]))
    assert (DETAILS / "gone.json").is_file()
    publish.main()
    assert client().get_experiment_by_name("lenet5-digits") is None


def test_results_that_cannot_be_read_are_told_and_hold_up_no_others(client, capsys):
    for variant in ("tanh_sgd", "relu_adam"):
        save_result(variant_result(variant, errors=[1.0]))
    (DETAILS / "tanh_sgd.json").write_text("{")
    publish.main()
    assert {run.data.tags["variant"] for run in all_runs(client())} == {"relu_adam"}
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: tanh_sgd is not published: reports/details/tanh_sgd.json cannot be read")


def parent_in(client):
    (parent,) = [run for run in all_runs(client) if run.data.tags["kind"] == "variant"]
    return parent


def test_a_parent_shows_a_few_metrics_to_choose_by(client):
    publish_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    assert set(parent_in(client()).data.metrics) == {
        "test/error_percent",
        *TEST_ERROR_INTERVAL,
        "test/loss",
        "test/calibration_error_percent",
        "validation/error_percent",
        "train/error_percent",
        "parameters",
        "multiply_accumulates",
        "seeds",
    }


def test_a_parent_shows_the_interval_though_neither_models_nor_predictions_are_here(client):
    result = variant_result("tanh_sgd", errors=[10.0, 20.0])
    publish_result(result)
    shown = parent_in(client()).data.metrics
    for name in TEST_ERROR_INTERVAL:
        assert shown[name] == pytest.approx(result.summary[name], abs=1e-6)


def test_a_parents_metrics_have_no_epoch_so_that_they_are_drawn_as_bars(client):
    publish_result(variant_result("tanh_sgd", errors=[10.0]))
    points = client().get_metric_history(parent_in(client()).info.run_id, "test/error_percent")
    assert [point.step for point in points] == [0]


def test_an_interval_of_more_seeds_does_not_stand_beside_the_mean_of_one(client):
    publish_result(variant_result("tanh_sgd", errors=[10.0, 20.0]))
    publish_result(variant_result("tanh_sgd", errors=[10.0]))
    assert np.isnan(parent_in(client()).data.metrics["test/error_percent_low"])


def test_a_single_seed_has_no_interval(client):
    publish_result(variant_result("tanh_sgd", errors=[10.0]))
    assert "test/error_percent_low" not in parent_in(client()).data.metrics


def test_metrics_are_numbers_that_mlflow_gave_back_unchanged(client):
    result = variant_result("tanh_sgd", errors=[1.0])
    publish_result(result)
    (child,) = [run for run in all_runs(client()) if run.data.tags["kind"] == "seed"]
    for name, value in result.seeds[0].metrics.items():
        assert np.isclose(child.data.metrics[name], value, rtol=0, atol=0)


def test_the_champions_variant_and_the_baseline_have_a_page_that_compares_them(client):
    publish_result(variant_result("tanh_sgd", errors=[2.0]))
    assert publish.comparison_pages(publish.publish_all()) == {}
    publish_result(variant_result("relu_adam", errors=[1.0, 3.0]))
    publish_result(without_validation(variant_result("tanh_adam", errors=[0.5])))
    (page,) = publish.comparison_pages(publish.publish_all()).values()
    parents = {run.data.tags["variant"]: run for run in all_runs(client()) if run.data.tags["kind"] == "variant"}
    compared = parse_qs(page.removeprefix("/#/compare-runs?"))
    assert json.loads(*compared["runs"]) == [parents[name].info.run_id for name in ("tanh_sgd", "relu_adam")]
    assert json.loads(*compared["experiments"]) == [parents["tanh_sgd"].info.experiment_id]
