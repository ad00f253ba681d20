import math
import shutil
from contextlib import contextmanager

import pytest
from support.builders import identity

from lenet.tracking import mlflow_store
from lenet.tracking.mlflow_run import Point
from lenet.tracking.pages import study_experiment
from lenet.tracking.runs import Runs
from lenet.workspace import project_root

pytestmark = pytest.mark.slow  # a real database


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


def test_a_final_value_that_changed_is_superseded(client, find):
    for value in (2.0, 1.0, 1.0):
        find().write({}, final=[Point("test/error_percent", value, 3)])
    assert find().metrics["test/error_percent"] == 1.0
    assert sorted(history_of(client(), find(), "test/error_percent")) == [(3, 1.0), (3, 2.0)]


def test_a_diverged_value_is_written_once(client, find):
    for _ in range(2):
        find().write({}, final=[Point("test/loss", math.nan, 3)])
    assert len(history_of(client(), find(), "test/loss")) == 1


def test_a_description_is_renewed_unless_a_person_changed_it(client, find):
    for text in ("first", "second"):
        find().describe(text)
    assert find().tags["mlflow.note.content"] == "second"
    client().set_tag(find().id, "mlflow.note.content", "mine")
    find().describe("third")
    assert find().tags["mlflow.note.content"] == "mine"


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
    return [model.model_id for model in client.search_logged_models([experiment], f"source_run_id = '{run.id}'")]


def test_of_two_models_the_oldest_counts_and_the_other_is_removed(client, find, folder):
    first = find().attach_model("network", folder)
    assert find().attach_model("network", folder).model_id == first.model_id
    other = find().attach_model("served", folder)
    assert sorted(models_of(client(), find())) == sorted([first.model_id, other.model_id])
    assert find().find_model("network").model_id == first.model_id


def test_a_model_whose_upload_was_cut_off_counts_as_lacking_and_is_left_time(client, find):
    experiment = client().get_experiment_by_name("lenet5-digits").experiment_id
    model = client().create_logged_model(experiment, name="network", source_run_id=find().id)
    assert find().find_model("network") is None
    assert models_of(client(), find()) == [model.model_id]


def test_a_model_whose_files_were_deleted_is_removed_unless_another_machine_may_have_them(client, find, folder):
    model = find().attach_model("network", folder)
    find().attach("a text", "a.txt")
    assert not find().has_lost_its_artifacts()
    shutil.rmtree(project_root() / "mlartifacts")
    is_lost = mlflow_store.database() is not None  # not in a PostgreSQL that others may use too
    assert find().has_lost_its_artifacts() == is_lost
    assert (find().find_model("network") is None) == is_lost
    assert models_of(client(), find()) == ([] if is_lost else [model.model_id])
