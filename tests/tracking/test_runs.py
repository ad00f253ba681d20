import time

import pytest
from support.builders import identity
from support.mlflow_runs import runs_in
from support.mlflow_servers import proxy_that_answers_502
from support.publishers import assert_each_run_published_once, publish_at_once
from support.runs import PROVENANCE

from lenet.tracking import pages
from lenet.tracking.mlflow_run import Point
from lenet.tracking.pages import study_experiment
from lenet.tracking.runs import ExperimentRuns, variant_list_paths

STUDY = study_experiment("digits")


@pytest.fixture
def runs(client):
    return ExperimentRuns(STUDY)


def find_or_create(runs, variant="tanh_sgd", run_identity=None, provenance=PROVENANCE):
    """Find or create the MLflow run of a variant and the MLflow run of one seed of this variant; return both."""
    run_identity = run_identity or identity()
    parent = runs.find_or_create_variant(variant, run_identity, provenance)
    seed = runs.find_or_create_seed(variant, run_identity, parent, provenance)
    seed.write({"seed": run_identity.seed}, [Point("train/loss", 0.5, 1)], parts={"curves": "1"})
    return parent, seed


def test_a_run_is_created_complete_and_finished_and_is_found_again(either_client):
    client, runs = either_client, ExperimentRuns(STUDY)
    parent, seed = find_or_create(runs)
    ids_found_again = [run.id for run in find_or_create(ExperimentRuns(STUDY))]
    assert ids_found_again == [parent.id, seed.id]
    (variant,), (child,) = runs_in(client(), kind="variant"), runs_in(client(), kind="seed")
    assert child.data.tags.items() >= {"digest": identity().digest, "seed": "0", **identity().versions}.items()
    assert child.data.tags["mlflow.parentRunId"] == variant.info.run_id
    assert variant.data.params.items() >= {"variant": "tanh_sgd", "optimizer": "sgd", "dataset": "digits"}.items()
    for run in (variant, child):
        assert run.info.status == "FINISHED"
        assert (run.info.start_time, run.info.end_time - run.info.start_time) == (PROVENANCE.started_ms, 12_500)
        assert len(run.inputs.dataset_inputs) == 2


def test_an_incomplete_run_of_a_killed_publisher_is_completed(either_client):
    client, runs = either_client, ExperimentRuns(STUDY)
    tags = {"digest": identity().family, "variant": "tanh_sgd"}
    incomplete = client().create_run(runs.experiment_id, 1000, tags).info.run_id
    assert find_or_create(runs)[0].id == incomplete
    run = client().get_run(incomplete)
    assert (run.info.status, run.data.params["optimizer"]) == ("FINISHED", "sgd")
    assert len(run.inputs.dataset_inputs) == 2


def test_of_two_equal_runs_the_older_is_kept_and_the_newer_is_deleted_for_good(either_client):
    client, runs = either_client, ExperimentRuns(STUDY)
    oldest, _ = find_or_create(runs)
    tags = dict(client().get_run(oldest.id).data.tags) | {"created_ns": str(time.time_ns())}
    client().create_run(runs.experiment_id, 1, tags)
    assert len(runs_in(client(), kind="variant")) == 2
    assert runs.find("tanh_sgd", identity().family).id == oldest.id
    assert [run.info.run_id for run in runs_in(client(), kind="variant")] == [oldest.id]
    client().delete_experiment(runs.experiment_id)
    ExperimentRuns(STUDY)  # restores the experiment, and all its runs
    assert [run.info.run_id for run in runs_in(client(), kind="variant")] == [oldest.id]


def test_a_changed_setting_creates_another_run_and_its_name_states_the_change(client, runs):
    find_or_create(runs)
    find_or_create(runs, run_identity=identity(learning_rate=0.5))
    assert {run.info.run_name for run in runs_in(client(), kind="variant")} == {
        "tanh_sgd",
        "tanh_sgd learning_rate=0.5",
    }
    assert len(runs_in(client(), kind="seed")) == 2


def test_a_run_published_without_provenance_gets_it_when_it_becomes_known(client, runs):
    _, seed = find_or_create(runs, provenance=None)
    assert client().get_run(seed.id).data.tags["republished"] == "true"
    find_or_create(runs, provenance=PROVENANCE)
    tags = client().get_run(seed.id).data.tags
    assert ("republished" in tags, tags["host"]) == (False, "somewhere")


def test_deleted_runs_are_created_again_and_seeds_move_to_the_new_run_of_their_variant(client, runs):
    parent, seed = find_or_create(runs)
    client().delete_run(parent.id)
    new, unchanged = find_or_create(runs)
    assert (new.id != parent.id, unchanged.id) == (True, seed.id)
    assert client().get_run(seed.id).data.tags["mlflow.parentRunId"] == new.id
    client().delete_run(seed.id)
    assert find_or_create(runs)[1].id != seed.id
    assert len(runs_in(client(), kind="seed")) == 1


def test_an_experiment_is_found_again_after_a_person_renames_describes_or_deletes_it(client, runs):
    def description():
        return client().get_experiment(runs.experiment_id).tags["mlflow.note.content"]

    client().rename_experiment(runs.experiment_id, "my study")
    client().set_experiment_tag(
        runs.experiment_id, "written_description", pages.description_digest("of an earlier version")
    )
    client().set_experiment_tag(runs.experiment_id, "mlflow.note.content", "of an earlier version")
    assert ExperimentRuns(STUDY).experiment_id == runs.experiment_id
    assert (list(variant_list_paths()), description()) == (["my study"], STUDY.description)
    client().set_experiment_tag(runs.experiment_id, "mlflow.note.content", "mine")
    client().delete_experiment(runs.experiment_id)
    assert ExperimentRuns(STUDY).experiment_id == runs.experiment_id
    assert (client().get_experiment_by_name("lenet5-digits"), description()) == (None, "mine")


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["experiments/create", "runs/create"])
def test_a_create_request_that_is_answered_with_an_error_is_not_repeated(server, workspace, monkeypatch, request_):
    import mlflow
    from mlflow.exceptions import MlflowException

    address, _ = server
    sweep = pages.sweep_experiment(request_.partition("/")[0], "Once?", "digits", [])
    with proxy_that_answers_502(address, request_) as (proxy, requested_paths):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy)
        with pytest.raises(MlflowException):
            ExperimentRuns(sweep).find_or_create_variant("tanh_sgd", identity(), None)
        ExperimentRuns(sweep).find_or_create_variant("tanh_sgd", identity(), None)  # the next publication
        assert requested_paths.count(request_) == 1
    client = mlflow.MlflowClient(address)
    (run,) = client.search_runs([client.get_experiment_by_name(sweep.name).experiment_id])
    assert run.data.params["variant"] == "tanh_sgd"


VARIANTS = [("one", "two", f"own_{number % 2}") for number in range(8)]


@pytest.mark.slow
def test_eight_processes_that_create_the_database_at_once_publish_each_run_once(workspace):
    import mlflow

    assert publish_at_once([workspace] * 8, VARIANTS) == ""
    assert [path.name for path in workspace.glob("*mlflow.db*")] == ["mlflow.db"]
    assert_each_run_published_once(mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}"), {*sum(VARIANTS, ())})


@pytest.mark.slow
def test_eight_checkouts_that_publish_to_one_server_at_once_publish_each_run_once(server, workspace):
    import mlflow

    address, _ = server
    checkouts = [workspace / str(number) for number in range(8)]
    for folder in checkouts:
        folder.mkdir()
    # A long timeout, because eight processes and the server may share two cores or fewer.
    environment = {"MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
    assert publish_at_once(checkouts, VARIANTS, **environment) == ""
    assert_each_run_published_once(mlflow.MlflowClient(address), {*sum(VARIANTS, ())})
