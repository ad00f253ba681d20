"""What the store lacks is trained once, whoever asks for it at the same time."""

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
    monkeypatch.setattr(trainer, "train_checked", quick_training.train)
    with edit_params() as params:
        params["seeds"] = [0, 1]
    return processed


def train(runs, most):
    """Train in no time: what is tried here is the way of a run."""
    with pool.ProcessPool(most, modules=ROOT / "tests") as workers:
        yield from schedule.train_runs(runs, workers)


def test_the_runs_of_variants_come_in_their_order_and_that_of_the_seeds(data):
    runs = schedule.planned_runs(load_settings(), ["relu_adam", "tanh_sgd"])
    assert [run.name for run in runs] == [f"{v} seed {s}" for v in ("relu_adam", "tanh_sgd") for s in (0, 1)]
    assert runs[0].recipe == load_settings().variant("relu_adam")
    assert runs[0].epochs == 20


def test_a_run_that_two_variants_share_is_there_once(data):
    with edit_params() as params:
        params["variants"]["twin"] = dict(params["variants"]["tanh_sgd"])
    runs = schedule.planned_runs(load_settings(), ["tanh_sgd", "relu_adam", "twin"])
    assert [run.variants for run in runs] == [("tanh_sgd", "twin")] * 2 + [("relu_adam",)] * 2


def test_what_the_store_has_is_not_lacking(data):
    first, second = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    run_store.save(first.identity, TRAINED, PROVENANCE)
    assert schedule.missing_runs([first, second]) == [second]


def test_nothing_wanted_starts_nothing(data):
    assert list(schedule.train_runs([], None)) == []


def test_other_data_than_the_runs_are_identified_by_is_refused(data):
    wanted = PlannedRun(identity(), load_settings().base, ("tanh_sgd",))
    with pytest.raises(LabError, match=r"^data/processed changed just now"):
        list(schedule.train_runs([wanted], None))


def test_an_interrupt_between_two_runs_ends_the_workers(data, tmp_path, monkeypatch):
    def interrupt(display, run):
        raise KeyboardInterrupt

    (run, _) = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    run_store.save(run.identity, TRAINED, PROVENANCE)  # so that its worker has nothing to do
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("lenet.execution.progress._Lines.finished", interrupt)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        list(train([run], 1))
    left = list(tmp_path.glob("lenet-*"))
    assert interrupt.tb  # its frames are still there, as when a command ends
    assert left == []


def test_each_run_is_stored_its_epochs_shown_and_what_is_stored_is_not_trained_again(data, capsys):
    with edit_params() as params:
        params["base"]["epochs"] = 1
    runs = schedule.planned_runs(load_settings(), ["tanh_sgd", "relu_adam"])
    run_store.save(runs[1].identity, TRAINED, PROVENANCE)
    finished = []
    for run in train(schedule.missing_runs(runs), 2):
        assert run_store.has(run.identity)
        assert run_store.load_provenance(run.identity.digest).duration_s > 0
        finished.append(run.name)
    assert sorted(finished) == ["relu_adam seed 0", "relu_adam seed 1", "tanh_sgd seed 0"]
    assert schedule.missing_runs(runs) == []
    said = capsys.readouterr().err
    for name in finished:
        assert f"{name}: epoch 0/1\n" in said
        assert f"{name}: epoch 1/1 validation accuracy" in said


def test_a_run_that_another_process_trains_is_waited_for_and_taken_from_the_store(data, capsys):
    run, _ = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    with run_store.lock(run.identity.digest):
        waiting = Thread(target=lambda: list(train([run], 1)))
        waiting.start()
        time.sleep(3)
        assert waiting.is_alive()
        run_store.save(run.identity, TRAINED, PROVENANCE)
    waiting.join(30)
    assert not waiting.is_alive()
    assert "epoch" not in capsys.readouterr().err


def test_runs_whose_code_is_edited_meanwhile_are_not_kept_and_the_others_are(data, capsys):
    kept, edited = schedule.planned_runs(load_settings(), ["tanh_sgd"])
    edited = replace(edited, identity=replace(edited.identity, code="before the edit"))
    with edit_params() as params:
        params["base"]["epochs"] = 1
    with pytest.raises(LabError, match=r"^1 of 2 runs were not trained to the end, because their code was edited"):
        list(train([edited, kept], 2))
    assert schedule.missing_runs([kept, edited]) == [edited]
