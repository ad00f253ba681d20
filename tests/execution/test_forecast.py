"""Before a training, a command says how long it will take here."""

import platform

import pytest
from support.builders import identity
from support.runs import TRAINED

from lenet.execution.forecast import announcement, duration
from lenet.runs import run_store
from lenet.runs.provenance import Provenance


@pytest.mark.parametrize(
    ("epochs", "images", "workers", "expected"),
    [
        ([20] * 12, 60_000, 2, "12 to 40 minutes"),
        ([20] * 90, 60_000, 2, "1.5 to 5.0 hours"),
        ([20] * 6, 1_000, 2, "less than a minute"),
        ([4] * 4, 60_000, 2, "1 to 3 minutes"),
        ([20, 20], 60_000, 8, "2 to 7 minutes"),  # two runs use two workers
        ([20, 60, 20], 60_000, 64, "6 to 20 minutes"),  # no less than the longest run
    ],
)
def test_without_finished_runs_the_time_is_a_range_from_a_fast_machine_to_a_slow_one(
    workspace, epochs, images, workers, expected
):
    assert duration(epochs, "mnist", images, workers) == expected


def test_it_is_estimated_from_the_runs_on_the_same_data_set_that_this_machine_has_trained(workspace):
    def save(seed, dataset, host, seconds):
        run_store.save(identity(seed, dataset, epochs=20), TRAINED, Provenance({"host": host}, 0, seconds))

    save(0, "mnist", platform.node(), 200.0)
    save(1, "mnist", platform.node(), 400.0)
    save(2, "mnist", "another machine", 9000.0)
    save(3, "digits", platform.node(), 9000.0)
    run_store.save(identity(4, "mnist"), TRAINED)  # it is unknown where this run was trained
    damaged = identity(5, "mnist", epochs=20)
    run_store.save(damaged, TRAINED, Provenance({"host": platform.node()}, 0, 9000.0))
    (run_store.entry(damaged.digest) / "run.json").write_text("[1]")
    assert duration([20] * 12, "mnist", 60_000, workers=2) == "about 30 minutes"
    assert duration([4], "mnist", 60_000, workers=2) == "about a minute"


def test_the_announcement_counts_runs_and_says_that_finished_runs_are_kept(workspace, monkeypatch):
    assert announcement([20], "mnist", 60_000, workers=2) == (
        "1 run to train here: 2 to 7 minutes. You may press Ctrl-C: finished runs are kept."
    )
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:8786")
    assert announcement([20] * 3, "mnist", 60_000, 2).startswith("3 runs to train on the Dask cluster. You may")
