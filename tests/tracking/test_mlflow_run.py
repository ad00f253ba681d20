import math
from contextlib import contextmanager

import pytest
from support.builders import identity

from lenet.tracking.mlflow_run import Point
from lenet.tracking.pages import study_experiment
from lenet.tracking.runs import Runs


@pytest.fixture
def find(client):
    """Look up the run of a seed anew, which is created first."""
    runs = Runs(study_experiment("digits"))
    parent = runs.find_or_create_variant("tanh_sgd", identity(), None)
    return lambda: runs.find_or_create_seed("tanh_sgd", identity(), parent, None)


def history_of(client, run, metric):
    return [(point.step, point.value) for point in client.get_metric_history(run.id, metric)]


def test_points_that_are_written_again_are_there_once_however_many(client, find):
    points = [Point("train/loss", 1 / epoch, epoch) for epoch in range(1, 1501)]
    for _ in range(2):
        find().write({"seed": 0}, points, parts={"curves": "1"})
    assert history_of(client(), find(), "train/loss") == [(step, pytest.approx(value)) for _, value, step in points]
    assert not find().lacks("curves", "1")
    assert find().lacks("curves", "2")
    assert find().lacks("test", "1")


def test_a_final_value_that_changed_is_superseded_and_one_that_diverged_written_once(client, find):
    for value in (2.0, 1.0, 1.0):
        find().write({}, final=[Point("test/error_percent", value, 3), Point("test/loss", math.nan, 3)])
    assert find().metrics["test/error_percent"] == 1.0
    assert sorted(history_of(client(), find(), "test/error_percent")) == [(3, 1.0), (3, 2.0)]
    assert len(history_of(client(), find(), "test/loss")) == 1


@pytest.fixture
def folder(tmp_path):
    """Writes the folder of a model."""
    path = tmp_path / "model"
    path.mkdir()

    @contextmanager
    def write(about):
        about.save(path / "MLmodel")
        yield path

    return write


def models_of(client, run):
    experiment = client.get_run(run.id).info.experiment_id
    return {model.model_id for model in client.search_logged_models([experiment], f"source_run_id = '{run.id}'")}


def test_of_two_models_the_oldest_counts_the_other_is_removed_and_one_that_is_being_uploaded_is_left_time(
    client, find, folder
):
    experiment = client().get_experiment_by_name("lenet5-digits").experiment_id
    uploading = client().create_logged_model(experiment, name="network", source_run_id=find().id)
    assert find().find_model("network") is None
    first = find().attach_model("network", folder)
    assert find().attach_model("network", folder).model_id == first.model_id
    other = find().attach_model("served", folder)
    assert models_of(client(), find()) == {uploading.model_id, first.model_id, other.model_id}
