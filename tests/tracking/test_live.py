import socket
import time
from dataclasses import replace

import pytest
from support.builders import identity
from support.runs import PROVENANCE, TRAINED

from lenet.execution.training import Wanted
from lenet.runs import store
from lenet.settings import load_settings
from lenet.tracking import live
from lenet.tracking.experiment import of_study

pytestmark = pytest.mark.slow  # a real database


def runs_of(client, **tags):
    wanted = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
    experiment = client.get_experiment_by_name("lenet5-digits")
    return client.search_runs([experiment.experiment_id], wanted)


def wanted(who, *variants):
    recipe = load_settings().base.model_copy(update={"epochs": who.settings["epochs"]})
    return Wanted(who, recipe, variants or ("tanh_sgd",))


def log_live(runs, epochs=3, finished=True, before_end=lambda: None):
    with live.log_training(runs, {"tanh_sgd": "a description"}, of_study("digits")) as log:
        for run in runs:
            for epoch in range(epochs + 1):
                log.epoch(run, epoch, {"train/loss": 1 / epoch} if epoch else {})
            if finished:
                store.save(run.identity, TRAINED, PROVENANCE)
                log.finished(run, PROVENANCE)
        before_end()


def test_a_live_run_shows_every_epoch_under_its_parent(client):
    log_live([wanted(identity(seed=0)), wanted(identity(seed=1))])
    (parent,) = runs_of(client(), kind="variant")
    children = runs_of(client(), kind="seed")
    assert {child.data.tags["seed"] for child in children} == {"0", "1"}
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.status == "FINISHED"
        points = client().get_metric_history(child.info.run_id, "train/loss")
        assert [(point.step, point.value) for point in points] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
        assert [point.timestamp - child.info.start_time for point in points] == [1, 2, 3]


def test_a_live_run_carries_settings_dataset_and_versions(client):
    run = identity(seed=0)
    log_live([wanted(run)])
    (child,) = runs_of(client(), kind="seed")
    assert child.data.params.items() >= {name: str(value) for name, value in run.settings.items()}.items()
    assert child.data.params.items() >= {"seed": "0", "variant": "tanh_sgd", "dataset": "digits"}.items()
    assert child.data.tags.items() >= {"digest": run.digest, **run.versions}.items()
    assert {each.dataset.digest for each in child.inputs.dataset_inputs} == {
        run.data.train_md5,
        run.data.validation_md5,
    }


def test_training_the_same_again_logs_to_the_same_run_and_doubles_nothing(client):
    log_live([wanted(identity())])
    log_live([wanted(identity())])
    (child,) = runs_of(client(), kind="seed")
    assert len(client().get_metric_history(child.info.run_id, "train/loss")) == 3


def test_another_setting_is_another_run_whose_name_says_what_differs(client):
    first = identity()
    changed = replace(first, settings={**first.settings, "learning_rate": 0.5})
    log_live([wanted(first)])
    log_live([wanted(changed)])
    names = {run.info.run_name for run in runs_of(client(), kind="variant")}
    assert names == {"tanh_sgd", "tanh_sgd learning_rate=0.5"}


def test_a_deleted_run_is_found_and_restored(client):
    log_live([wanted(identity())])
    (child,) = runs_of(client(), kind="seed")
    client().delete_run(child.info.run_id)
    assert runs_of(client(), kind="seed") == []
    log_live([wanted(identity())])
    assert [run.info.run_id for run in runs_of(client(), kind="seed")] == [child.info.run_id]


def test_a_deleted_experiment_is_restored(client):
    log_live([wanted(identity())])
    client().delete_experiment(client().get_experiment_by_name("lenet5-digits").experiment_id)
    log_live([wanted(identity())])
    assert len(runs_of(client(), kind="seed")) == 1


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_training_that_ends_badly_ends_its_runs_so(client, error, status):
    def fail():
        # Ctrl-C leaves the log two seconds to finish; the store's start-up alone may take them.
        end = time.monotonic() + 30
        while time.monotonic() < end and not (client().get_experiment_by_name("lenet5-digits") and logged()):
            time.sleep(0.2)
        raise error

    def logged():
        return any("train/loss" in run.data.metrics for run in runs_of(client(), kind="seed"))

    with pytest.raises(error):
        log_live([wanted(identity())], finished=False, before_end=fail)
    assert {run.info.status for run in runs_of(client(), dataset="digits")} == {status}


def test_a_run_that_two_variants_share_is_logged_under_both(client):
    log_live([wanted(identity(), "tanh_sgd", "twin")])
    parents = {run.data.tags["variant"]: run for run in runs_of(client(), kind="variant")}
    children = runs_of(client(), kind="seed")
    assert set(parents) == {"tanh_sgd", "twin"}
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {
        parent.info.run_id for parent in parents.values()
    }
    for run in (*parents.values(), *children):
        assert run.info.status == "FINISHED"
    assert all("train/loss" in child.data.metrics for child in children)


def test_the_duration_is_that_of_the_training_and_counts_no_pause(client):
    log_live([wanted(identity(seed=0)), wanted(identity(seed=1))], finished=False)
    time.sleep(2)
    again = replace(PROVENANCE, started_ms=PROVENANCE.started_ms + 1_000_000, duration_s=3.5)
    runs = [wanted(identity(seed=0)), wanted(identity(seed=1))]
    with live.log_training(runs, {}, of_study("digits")) as log:
        for run, provenance in zip(runs, (PROVENANCE, again), strict=True):
            log.epoch(run, 0, {})
            store.save(run.identity, TRAINED, provenance)
            log.finished(run, provenance)
    durations = [run.info.end_time - run.info.start_time for run in runs_of(client(), kind="seed")]
    assert sorted(durations) == [3500, 12500]
    (parent,) = runs_of(client(), kind="variant")
    assert (parent.info.status, parent.info.end_time - parent.info.start_time) == ("FINISHED", 16000)


def test_a_variant_whose_other_seeds_are_still_to_come_runs_on_until_the_last_one(client):
    first, second = wanted(identity(seed=0)), wanted(identity(seed=1))
    with live.log_training([first, second], {}, of_study("digits")) as log:
        log.epoch(first, 0, {})
        store.save(first.identity, TRAINED, PROVENANCE)
        log.finished(first, PROVENANCE)
        end = time.monotonic() + 30
        while time.monotonic() < end and not finished_seeds(client):
            time.sleep(0.2)
        (parent,) = runs_of(client(), kind="variant")
        assert parent.info.status == "RUNNING"


def finished_seeds(client):
    if client().get_experiment_by_name("lenet5-digits") is None:
        return []
    return [run for run in runs_of(client(), kind="seed") if run.info.status == "FINISHED"]


def test_a_store_that_refuses_costs_a_warning_and_no_time(client, monkeypatch, capfd):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    start = time.monotonic()
    log_live([wanted(identity())])
    assert time.monotonic() - start < live._TIMEOUT_S
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"warning: the MLflow store at http://127.0.0.1:{port} failed")
    assert "the results are in the files" in line


def test_a_store_that_never_answers_is_given_up_after_a_bounded_time(client, monkeypatch, capfd):
    monkeypatch.setattr(live, "_TIMEOUT_S", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        log_live([wanted(identity())])
        assert time.monotonic() - start < 15  # by itself the client would wait for 20 s
    assert "failed: no answer within 2 s" in capfd.readouterr().err
