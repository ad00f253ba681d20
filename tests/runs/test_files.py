"""The four files of a run are written, read and checked."""

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.builders import identity, settings
from support.runs import HISTORY, TRAINED

from lenet.errors import LabError
from lenet.runs.files import find_run, read_runs, run_files, write_files
from lenet.training.trained_run import EPOCH_METRICS, TRAIN_METRICS


def folder(seed=0):
    return Path(f"models/tanh_sgd/seed-{seed}")


@pytest.fixture(autouse=True)
def _two_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        write_files(folder(seed), run_files(identity(seed=seed), TRAINED))


def test_runs_are_read_as_they_were_written_in_the_order_of_the_seeds():
    run_of_seed_1, run_of_seed_0 = read_runs("tanh_sgd", [1, 0], settings())
    assert (run_of_seed_1.identity, run_of_seed_0.identity) == (identity(seed=1), identity(seed=0))
    assert run_of_seed_0.history == HISTORY
    assert run_of_seed_0.weights.read_bytes() == TRAINED.weights
    assert json.loads(run_of_seed_0.architecture.read_text()) == json.loads(TRAINED.architecture)


def test_a_run_has_four_files_and_none_contains_the_variants_name():
    assert run_files(identity(), TRAINED) == run_files(identity(), TRAINED)
    files = {path.name: path.read_bytes() for path in folder().iterdir()}
    assert files.keys() == {"history.csv", "model.json", "model.weights.h5", "run.json"}
    assert not any(b"tanh_sgd" in content for content in files.values())
    header, first_row, second_row = csv.reader(files["history.csv"].decode().splitlines())
    assert (header, first_row[0], second_row[0]) == (["epoch", *EPOCH_METRICS], "1", "2")
    expected_json = asdict(identity()) | {"digest": identity().digest, "family": identity().family}
    assert json.loads(files["run.json"]) == expected_json


def test_a_run_without_validation_metrics_is_read_as_it_was_written():
    history = {name: HISTORY[name] for name in TRAIN_METRICS}
    write_files(folder(2), run_files(identity(seed=2), replace(TRAINED, history=history)))
    assert (folder(2) / "history.csv").read_text().splitlines()[0] == "epoch,train/loss,train/error_percent"
    (run,) = read_runs("tanh_sgd", [2], settings())
    assert run.history == history


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.json", None), ("run.json", b"\xff\x00"), ("run.json", b"{}"), ("history.csv", None), ("history.csv", b"")],
)
def test_reading_a_missing_or_damaged_run_is_an_error_that_names_its_folder_and_find_run_returns_none(name, content):
    (folder() / name).unlink() if content is None else (folder() / name).write_bytes(content)
    with pytest.raises(LabError) as raised:
        read_runs("tanh_sgd", [1, 0], settings())
    (line,) = str(raised.value).splitlines()
    assert line.startswith("models/tanh_sgd/seed-0 cannot be read")
    assert line.endswith(": run `dvc repro --force train@tanh_sgd`")
    assert find_run("tanh_sgd", identity()) is None


def test_reading_a_run_of_other_settings_is_an_error():
    with pytest.raises(LabError, match=r"with settings other than those in params\.yaml: run `dvc repro --force"):
        read_runs("tanh_sgd", [0], settings(learning_rate=0.02))


def test_find_run_compares_the_whole_identity():
    run = find_run("tanh_sgd", identity(seed=1))
    assert (run.folder, run.identity) == (folder(1), identity(seed=1))
    assert find_run("tanh_sgd", replace(identity(), code="other")) is None
    assert find_run("tanh_sgd", identity(seed=7)) is None
    assert find_run("relu_adam", identity()) is None
