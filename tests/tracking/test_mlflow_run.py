import math
from contextlib import contextmanager

import pytest
from support.builders import identity

from lenet.tracking.mlflow_run import Point
from lenet.tracking.pages import study_experiment
from lenet.tracking.runs import ExperimentRuns


@pytest.fixture
def find(client):
    """A function that reads a seed's MLflow run from the MLflow store. The first call creates the MLflow run."""
    runs = ExperimentRuns(study_experiment("digits"))
    parent = runs.find_or_create_variant("tanh_sgd", identity(), None)
    return lambda: runs.find_or_create_seed("tanh_sgd", identity(), parent, None)


def metric_history(client, run, metric):
    return [(point.step, point.value) for point in client.get_metric_history(run.id, metric)]


def test_writing_many_points_twice_stores_each_point_once(client, find):
    points = [Point("train/loss", 1 / epoch, epoch) for epoch in range(1, 1501)]
    for _ in range(2):
        find().write({"seed": 0}, points, parts={"curves": "1"})
    assert metric_history(client(), find(), "train/loss") == [(step, pytest.approx(value)) for _, value, step in points]
    assert not find().needs_update("curves", "1")
    assert find().needs_update("curves", "2")
    assert find().needs_update("test", "1")


def test_a_changed_final_value_replaces_the_old_one_and_nan_is_written_once(client, find):
    for value in (2.0, 1.0, 1.0):
        find().write({}, final=[Point("test/error_percent", value, 3), Point("test/loss", math.nan, 3)])
    assert find().metrics["test/error_percent"] == 1.0
    assert sorted(metric_history(client(), find(), "test/error_percent")) == [(3, 1.0), (3, 2.0)]
    assert len(metric_history(client(), find(), "test/loss")) == 1


@pytest.fixture
def write_model(tmp_path):
    """A function for `attach_model` that writes a model's folder. The folder contains only the model's metadata."""
    path = tmp_path / "model"
    path.mkdir()

    @contextmanager
    def write(metadata):
        metadata.save(path / "MLmodel")
        yield path

    return write


def model_ids(client, run):
    experiment = client.get_run(run.id).info.experiment_id
    return {model.model_id for model in client.search_logged_models([experiment], f"source_run_id = '{run.id}'")}


def test_of_two_models_the_newer_is_deleted_and_a_model_that_is_still_uploading_is_kept(client, find, write_model):
    experiment = client().get_experiment_by_name("lenet5-digits").experiment_id
    uploading = client().create_logged_model(experiment, name="network", source_run_id=find().id)
    assert find().find_model("network") is None
    first = find().attach_model("network", write_model)
    assert find().attach_model("network", write_model).model_id == first.model_id
    served = find().attach_model("served", write_model)
    assert model_ids(client(), find()) == {uploading.model_id, first.model_id, served.model_id}
