"""Before a training, a command says how long it will take here."""

import platform

import pytest
from support.builders import identity
from support.paths import ROOT
from support.runs import TRAINED

from lenet.execution import forecast
from lenet.mnist import datasets
from lenet.runs import run_store
from lenet.runs.provenance import Provenance
from lenet.settings import load_settings

BASE = load_settings(ROOT / "params.yaml").base
MNIST, DIGITS = datasets.find("mnist"), datasets.find("digits")


@pytest.mark.parametrize(
    ("runs", "epochs", "dataset", "expected"),
    [
        (12, 20, MNIST, "12 to 40 minutes"),
        (90, 20, MNIST, "1.5 to 5.0 hours"),
        (1, 1, MNIST, "less than a minute"),
        (6, 20, DIGITS, "less than a minute"),
        (4, 4, MNIST, "1 to 3 minutes"),
    ],
)
def test_without_finished_runs_the_time_is_a_range_from_a_fast_machine_to_a_slow_one(
    workspace, runs, epochs, dataset, expected
):
    recipe = BASE.model_copy(update={"epochs": epochs})
    assert forecast.duration([recipe] * runs, dataset, workers=2) == expected


def test_it_is_estimated_from_the_runs_on_the_same_data_set_that_this_machine_has_trained(workspace):
    def save(seed, dataset, host, seconds):
        run_store.save(identity(seed, dataset, epochs=20), TRAINED, Provenance({"host": host}, 0, seconds))

    save(0, "mnist", platform.node(), 200.0)
    save(1, "mnist", platform.node(), 400.0)
    save(2, "mnist", "another machine", 9000.0)
    save(3, "digits", platform.node(), 9000.0)
    run_store.save(identity(4, "mnist"), TRAINED)  # it is unknown where this run was trained
    assert forecast.duration([BASE] * 12, MNIST, workers=2) == "about 30 minutes"
    distorted = BASE.model_copy(update={"copies": 9})
    assert forecast.duration([distorted], MNIST, workers=2) == "about 50 minutes"  # one run uses one worker


def test_the_announcement_counts_runs_and_says_that_an_interruption_loses_nothing(workspace, monkeypatch):
    assert forecast.announcement([BASE], MNIST, workers=2) == (
        "1 run to train here: 2 to 7 minutes. Ctrl-C loses nothing: finished runs are kept."
    )
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    assert forecast.announcement([BASE] * 3, MNIST, workers=2).startswith("3 runs to train on the Dask cluster. Ctrl-C")
