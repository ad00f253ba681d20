import time

import pytest
from support.builders import identity
from support.mlflow_servers import proxy_that_answers_502
from support.publishers import assert_each_run_is_there_once, publish_at_once
from support.runs import PROVENANCE

from lenet.tracking import pages
from lenet.tracking.mlflow_run import Point
from lenet.tracking.pages import study_experiment
from lenet.tracking.runs import Runs, list_pages

STUDY = study_experiment("digits")


@pytest.fixture
def runs(client):
    return Runs(STUDY)


def runs_in(client, **tags):
    condition = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
    return client.search_runs([each.experiment_id for each in client.search_experiments()], condition)


def make(runs, variant="tanh_sgd", who=None, provenance=PROVENANCE):
    """Find or create the run of a variant and that of a seed."""
    who = who or identity()
    parent = runs.find_or_create_variant(variant, who, provenance)
    seed = runs.find_or_create_seed(variant, who, parent, provenance)
    seed.write({"seed": who.seed}, [Point("train/loss", 0.5, 1)], parts={"curves": "1"})
    return parent, seed


def test_a_run_is_created_whole_ended_and_then_found(either_client):
    client, runs = either_client, Runs(STUDY)
    parent, seed = make(runs)
    again = [run.id for run in make(Runs(STUDY))]
    assert again == [parent.id, seed.id]
    (variant,), (child,) = runs_in(client(), kind="variant"), runs_in(client(), kind="seed")
    assert child.data.tags.items() >= {"digest": identity().digest, "seed": "0", **identity().versions}.items()
    assert child.data.tags["mlflow.parentRunId"] == variant.info.run_id
    assert variant.data.params.items() >= {"variant": "tanh_sgd", "optimizer": "sgd", "dataset": "digits"}.items()
    for run in (variant, child):
        assert run.info.status == "FINISHED"
        assert (run.info.start_time, run.info.end_time - run.info.start_time) == (PROVENANCE.started_ms, 12_500)
        assert len(run.inputs.dataset_inputs) == 2


def test_a_run_whose_creator_was_killed_is_completed(either_client):
    client, runs = either_client, Runs(STUDY)
    tags = {"digest": identity().family, "variant": "tanh_sgd"}
    half = client().create_run(runs.experiment_id, 1000, tags).info.run_id
    assert make(runs)[0].id == half
    run = client().get_run(half)
    assert (run.info.status, run.data.params["optimizer"]) == ("FINISHED", "sgd")
    assert len(run.inputs.dataset_inputs) == 2


def test_of_two_equal_runs_the_oldest_counts_and_the_other_is_removed(either_client):
    client, runs = either_client, Runs(STUDY)
    oldest, _ = make(runs)
    tags = dict(client().get_run(oldest.id).data.tags) | {"created_ns": str(time.time_ns())}
    client().create_run(runs.experiment_id, 1, tags)
    assert len(runs_in(client(), kind="variant")) == 2
    assert runs.find("tanh_sgd", identity().family).id == oldest.id
    assert [run.info.run_id for run in runs_in(client(), kind="variant")] == [oldest.id]
    client().delete_experiment(runs.experiment_id)
    Runs(STUDY)  # restores the experiment, and all its runs
    assert [run.info.run_id for run in runs_in(client(), kind="variant")] == [oldest.id]


def test_another_setting_is_another_run_whose_name_says_what_differs(client, runs):
    make(runs)
    make(runs, who=identity(learning_rate=0.5))
    assert {run.info.run_name for run in runs_in(client(), kind="variant")} == {
        "tanh_sgd",
        "tanh_sgd learning_rate=0.5",
    }
    assert len(runs_in(client(), kind="seed")) == 2


def test_a_run_published_from_the_files_learns_its_provenance_when_it_is_trained_here(client, runs):
    _, seed = make(runs, provenance=None)
    assert client().get_run(seed.id).data.tags["republished"] == "true"
    make(runs, provenance=PROVENANCE)
    tags = client().get_run(seed.id).data.tags
    assert ("republished" in tags, tags["host"]) == (False, "somewhere")


def test_what_a_person_deletes_is_created_again_and_seeds_join_their_variants_new_run(client, runs):
    parent, seed = make(runs)
    client().delete_run(parent.id)
    new, same = make(runs)
    assert (new.id != parent.id, same.id) == (True, seed.id)
    assert client().get_run(seed.id).data.tags["mlflow.parentRunId"] == new.id
    client().delete_run(seed.id)
    assert make(runs)[1].id != seed.id
    assert len(runs_in(client(), kind="seed")) == 1


def test_an_experiment_that_was_renamed_described_or_deleted_is_found_again(client, runs):
    def description():
        return client().get_experiment(runs.experiment_id).tags["mlflow.note.content"]

    client().rename_experiment(runs.experiment_id, "my study")
    client().set_experiment_tag(
        runs.experiment_id, "written_description", pages.description_digest("of an earlier version")
    )
    client().set_experiment_tag(runs.experiment_id, "mlflow.note.content", "of an earlier version")
    assert Runs(STUDY).experiment_id == runs.experiment_id
    assert (list(list_pages()), description()) == (["my study"], STUDY.description)
    client().set_experiment_tag(runs.experiment_id, "mlflow.note.content", "mine")
    client().delete_experiment(runs.experiment_id)
    assert Runs(STUDY).experiment_id == runs.experiment_id
    assert (client().get_experiment_by_name("lenet5-digits"), description()) == (None, "mine")


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["experiments/create", "runs/create"])
def test_a_request_to_create_that_is_answered_badly_creates_once(server, workspace, monkeypatch, request_):
    import mlflow
    from mlflow.exceptions import MlflowException

    address, _ = server
    sweep = pages.sweep_experiment(request_.partition("/")[0], "Once?", "digits", [])
    with proxy_that_answers_502(address, request_) as (proxy, asked):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy)
        with pytest.raises(MlflowException):
            Runs(sweep).find_or_create_variant("tanh_sgd", identity(), None)
        Runs(sweep).find_or_create_variant("tanh_sgd", identity(), None)  # the next publication
        assert asked.count(request_) == 1
    looking = mlflow.MlflowClient(address)
    (run,) = looking.search_runs([looking.get_experiment_by_name(sweep.name).experiment_id])
    assert run.data.params["variant"] == "tanh_sgd"


VARIANTS = [("one", "two", f"own_{number}") for number in range(8)]


@pytest.mark.slow
def test_eight_processes_may_create_the_database_at_once_and_lose_and_double_nothing(workspace):
    import mlflow

    assert publish_at_once([workspace] * 8, VARIANTS) == ""
    assert [path.name for path in workspace.glob("*mlflow.db*")] == ["mlflow.db"]
    assert_each_run_is_there_once(mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}"), {*sum(VARIANTS, ())})


@pytest.mark.slow
def test_eight_checkouts_that_publish_to_one_server_at_once_lose_and_double_nothing(server, workspace):
    import mlflow

    address, _ = server
    checkouts = [workspace / str(number) for number in range(8)]
    for folder in checkouts:
        folder.mkdir()
    # Eight processes and the server share two cores, or less.
    to_it = {"MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
    assert publish_at_once(checkouts, VARIANTS, **to_it) == ""
    assert_each_run_is_there_once(mlflow.MlflowClient(address), {*sum(VARIANTS, ())})
