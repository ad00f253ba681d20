"""Missing runs are trained once, even if several processes want them at the same time."""

import time
from dataclasses import replace
from threading import Thread

import pytest
from support import quick_training
from support.builders import identity
from support.params import edit_params
from support.paths import ROOT
from support.runs import PROVENANCE, TRAINED

from lenet.errors import LabError
from lenet.execution import pool, schedule
from lenet.execution.schedule import PlannedRun
from lenet.runs import run_store, trainer
from lenet.settings import load_settings


@pytest.fixture
def data(processed, monkeypatch):
    monkeypatch.setattr(trainer, "train_checked", quick_training.train_checked)
    with edit_params() as params:
        params["seeds"] = [0, 1]
    return processed


def train(runs, max_workers):
    """Train runs and yield each finished run. The training is `quick_training`: these tests check only the schedule."""
    with pool.ProcessPool(max_workers, extra_modules=ROOT / "tests") as workers:
        yield from schedule.train_runs(runs, workers)


def test_planned_runs_are_in_the_order_of_the_variants_and_then_of_the_seeds(data):
    runs = schedule.planned_runs(load_settings(), ["relu_adam", "tanh_sgd"])
    assert [run.name for run in runs] == [
        f"{variant} seed {seed}" for variant in ("relu_adam", "tanh_sgd") for seed in (0, 1)
    ]
    assert runs[0].recipe == load_settings().variant("relu_adam")
    assert runs[0].epochs == 20


def test_a_run_that_two_variants_share_is_planned_once(data):
    with edit_params() as params:
        params["variants"]["twin"] = dict(params["variants"]["tanh_sgd"])
    runs = schedule.planned_runs(load_settings(), ["tanh_sgd", "relu_adam", "twin"])
    assert [run.variants for run in runs] == [("tanh_sgd", "twin")] * 2 + [("relu_adam",)] * 2


def test_training_no_runs_starts_nothing(data):
    assert list(schedule.train_runs([], None)) == []


def test_training_is_refused_if_the_data_has_changed_since_the_runs_were_planned(data):
    run = PlannedRun(identity(), load_settings().base, ("tanh_sgd",))
    with pytest.raises(LabError, match=r"^data/processed changed while this command ran"):
        list(schedule.train_runs([run], None))


def test_an_interrupt_between_two_runs_ends_the_workers(data, tmp_path, monkeypatch):
    def interrupt(display, run):
        raise KeyboardInterrupt

    (run, _) = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    run_store.save(run.identity, TRAINED, PROVENANCE)  # so the worker has nothing to train
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("lenet.execution.progress._Lines.finished", interrupt)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        list(train([run], 1))
    worker_folders = list(tmp_path.glob("lenet-*"))
    assert interrupt.tb  # the traceback keeps the frames alive, as at the end of a command
    assert worker_folders == []


def test_each_run_is_shown_and_stored_and_stored_runs_are_not_trained_again(data, capsys):
    with edit_params() as params:
        params["base"]["epochs"] = 1
    runs = schedule.planned_runs(load_settings(), ["tanh_sgd", "relu_adam"])
    run_store.save(runs[1].identity, TRAINED, PROVENANCE)
    finished_names = []
    for run in train(schedule.missing_runs(runs), 2):
        assert run_store.has(run.identity)
        assert run_store.load_provenance(run.identity.digest).duration_s > 0
        finished_names.append(run.name)
    assert sorted(finished_names) == ["relu_adam seed 0", "relu_adam seed 1", "tanh_sgd seed 0"]
    assert schedule.missing_runs(runs) == []
    stderr = capsys.readouterr().err
    for name in finished_names:
        assert f"{name}: epoch 0/1\n" in stderr
        assert f"{name}: epoch 1/1 validation error" in stderr


def test_a_run_that_another_process_trains_is_awaited_and_not_trained_again(data, capsys):
    run, _ = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    with run_store.lock(run.identity.digest):
        waiting_thread = Thread(target=lambda: list(train([run], 1)))
        waiting_thread.start()
        time.sleep(3)
        assert waiting_thread.is_alive()
        run_store.save(run.identity, TRAINED, PROVENANCE)
    waiting_thread.join(30)
    assert not waiting_thread.is_alive()
    assert "epoch" not in capsys.readouterr().err


def test_runs_whose_code_is_edited_are_not_kept_but_the_others_are(data, capsys):
    kept, edited = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    edited = replace(edited, identity=replace(edited.identity, code="before the edit"))
    with edit_params() as params:
        params["base"]["epochs"] = 1
    with pytest.raises(LabError, match=r"^1 of 2 runs were not kept, because their code was edited"):
        list(train([edited, kept], 2))
    assert schedule.missing_runs([kept, edited]) == [edited]
