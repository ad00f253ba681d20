import threading
import time

import pytest
from support.builders import identity
from support.mlflow_servers import proxy_of
from support.publishers import assert_each_run_is_there_once, publish_at_once

from lenet.tracking import experiment
from lenet.tracking.run_creation import RunCreator, WantedRun
from lenet.tracking.run_finder import RunFinder

pytestmark = pytest.mark.slow  # a real store

SWEEP = experiment.of_sweep("creation", "Once?", "digits", [])


def wanted(variant="tanh_sgd", who=None):
    who = who or identity()
    tags = {"digest": who.digest, "kind": "seed", "seed": str(who.seed)}
    return WantedRun(variant, who, tags, {"seed": who.seed}, lambda: f"{variant} seed {who.seed}", 1000, {})


@pytest.fixture
def creators(client):
    """Two publishers that create runs in one experiment of the workspace's store."""
    finder = RunFinder(SWEEP)
    return [RunCreator(client(), finder.experiment_id) for _ in range(2)]


def runs_in(client):
    found = client.get_experiment_by_name(SWEEP.name)
    return client.search_runs([found.experiment_id]) if found else []


def test_a_run_is_created_whole_and_then_found(client, creators):
    ids = {creator.find_or_create(wanted()).info.run_id for creator in creators}
    (run,) = runs_in(client())
    assert ids == {run.info.run_id}
    assert run.data.params.items() >= {"seed": "0", "variant": "tanh_sgd", "optimizer": "sgd"}.items()
    assert len(run.inputs.dataset_inputs) == 2


def test_a_run_whose_creator_was_killed_is_completed(client, creators):
    tags = {"digest": wanted().identity.digest, "variant": "tanh_sgd"}
    half = client().create_run(RunFinder(SWEEP).experiment_id, 1000, tags).info.run_id
    assert creators[0].find_or_create(wanted()).info.run_id == half
    (run,) = runs_in(client())
    assert run.data.params["seed"] == "0"
    assert (run.data.tags["kind"], run.data.tags["keras"]) == ("seed", "3.13.0")
    assert len(run.inputs.dataset_inputs) == 2


def test_a_run_that_another_publisher_creates_at_the_moment_is_waited_for(client, creators):
    tags = {"digest": wanted().identity.digest, "variant": "tanh_sgd"}
    theirs = client().create_run(RunFinder(SWEEP).experiment_id, 1000, tags).info.run_id
    theirs_too = client().create_run(RunFinder(SWEEP).experiment_id, 999, tags).info.run_id

    def go_on():
        time.sleep(0.5)
        client().delete_run(theirs_too)
        client().log_param(theirs, "seed", "0")

    other = threading.Thread(target=go_on)
    other.start()
    assert creators[0].find_or_create(wanted()).info.run_id == theirs
    other.join()
    assert len(runs_in(client())) == 1


def test_what_was_removed_is_not_found_again(client, creators):
    removed = client().create_run(
        RunFinder(SWEEP).experiment_id, 1000, {"digest": wanted().identity.digest, "variant": "tanh_sgd"}
    )
    client().delete_run(removed.info.run_id)
    assert creators[0].find_or_create(wanted()).info.run_id != removed.info.run_id


@pytest.mark.parametrize("fault", [502, 3.0], ids=["an answer of 502", "a late answer"])
@pytest.mark.parametrize("request_", ["experiments/create", "runs/create"])
def test_a_request_to_create_that_is_answered_badly_creates_once(server, workspace, monkeypatch, fault, request_):
    import mlflow

    sweep = experiment.of_sweep(f"{request_[:4]}_{fault}", "Once?", "digits", [])
    with proxy_of(server) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.address)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        proxy.faults = {request_: [fault]}
        RunFinder(sweep).find_or_create_parent("tanh_sgd", identity(), "", 1000, {})
        assert proxy.asked.count(request_) == 1
    looking = mlflow.MlflowClient(server.address)
    runs = looking.search_runs([looking.get_experiment_by_name(sweep.name).experiment_id])
    assert len(runs) == 1
    assert runs[0].data.params["variant"] == "tanh_sgd"


def test_checkouts_that_publish_into_one_server_at_once_lose_and_double_nothing(server, workspace):
    import mlflow

    checkouts = [workspace / name for name in ("a", "b", "c", "d")]
    for folder in checkouts:
        folder.mkdir()
    assert publish_at_once(checkouts, [("one", "two")] * 4, MLFLOW_TRACKING_URI=server.address) == ""
    assert_each_run_is_there_once(mlflow.MlflowClient(server.address), ["one", "two"])


def test_eight_processes_that_publish_25_runs_each_to_postgresql_at_once_lose_and_double_nothing(
    server_on_postgresql, workspace
):
    import mlflow

    # Five runs to a variant: itself and four seeds. Two variants are everybody's, and three each one's own.
    variants = [("one", "two", *(f"own_{number}_{k}" for k in range(3))) for number in range(8)]
    checkouts = [workspace / str(number) for number in range(8)]
    for folder in checkouts:
        folder.mkdir()
    # Eight processes and the server share two cores, or less.
    to_it = {"MLFLOW_TRACKING_URI": server_on_postgresql.address, "MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
    assert publish_at_once(checkouts, variants, seeds=4, **to_it) == ""
    client = mlflow.MlflowClient(server_on_postgresql.address)
    assert_each_run_is_there_once(client, {variant for its in variants for variant in its}, seeds=4)
