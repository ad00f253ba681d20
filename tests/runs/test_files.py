"""A run's folder holds what was trained, and says so when it does not."""

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.builders import identity, settings
from support.runs import HISTORY, TRAINED

from lenet.errors import LabError
from lenet.runs.files import files_of, find_run, read_runs, write_files
from lenet.training.trained_run import EPOCH_METRICS, TRAIN_METRICS


def folder(seed=0):
    return Path(f"models/tanh_sgd/seed-{seed}")


@pytest.fixture(autouse=True)
def _two_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        write_files(folder(seed), files_of(identity(seed=seed), TRAINED))


def complaint(*given):
    with pytest.raises(LabError) as caught:
        read_runs(*given)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.endswith(": run `dvc repro --force train@tanh_sgd`")
    return message


def test_a_run_comes_back_as_it_was_written():
    (run,) = read_runs("tanh_sgd", [0], settings())
    assert run.identity == identity(seed=0)
    assert run.history == HISTORY
    assert run.weights.read_bytes() == TRAINED.weights
    assert json.loads(run.architecture.read_text()) == {"layers": []}


def test_runs_come_in_the_order_of_the_seeds():
    assert [run.identity.seed for run in read_runs("tanh_sgd", [1, 0], settings())] == [1, 0]


def test_a_run_is_four_files():
    names = sorted(path.name for path in folder().iterdir())
    assert names == ["history.csv", "model.json", "model.weights.h5", "run.json"]


def test_the_history_is_a_table_of_numbered_epochs():
    with open(folder() / "history.csv", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["epoch", *EPOCH_METRICS]
    assert (first[0], second[0]) == ("1", "2")


def test_a_run_without_a_validation_score_comes_back_as_it_was_written():
    history = {name: HISTORY[name] for name in TRAIN_METRICS}
    write_files(folder(2), files_of(identity(seed=2), replace(TRAINED, history=history)))
    assert (folder(2) / "history.csv").read_text().splitlines()[0] == "epoch,train/loss,train/error_percent"
    (run,) = read_runs("tanh_sgd", [2], settings())
    assert run.history == history


@pytest.mark.parametrize("name", EPOCH_METRICS)
def test_a_history_with_a_column_of_another_name_is_refused(name):
    path = folder() / "history.csv"
    path.write_text(path.read_text().replace(name, "other"))
    assert "history.csv has other columns than training writes" in complaint("tanh_sgd", [0], settings())


def test_equal_runs_give_equal_bytes_and_name_no_variant():
    assert files_of(identity(), TRAINED) == files_of(identity(), TRAINED)
    assert not any(b"tanh_sgd" in content for content in files_of(identity(), TRAINED).values())


def test_run_json_names_digest_and_family():
    described = json.loads((folder() / "run.json").read_text())
    assert (described["digest"], described["family"]) == (identity().digest, identity().family)


def test_a_missing_seed_is_refused_by_its_folder():
    assert complaint("tanh_sgd", [0, 7], settings()).startswith("models/tanh_sgd/seed-7 cannot be read")


@pytest.mark.parametrize("name", ["run.json", "history.csv"])
@pytest.mark.parametrize("content", [None, b"\xff\x00"])
def test_a_missing_or_damaged_file_is_refused_by_its_folder(name, content):
    (folder() / name).unlink() if content is None else (folder() / name).write_bytes(content)
    assert complaint("tanh_sgd", [0], settings()).startswith("models/tanh_sgd/seed-0 cannot be read")


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"seed": 0',
        "{}",
        "[]",
        pytest.param("null"),
    ],
)
def test_a_run_json_that_describes_no_run_is_refused(content):
    (folder() / "run.json").write_text(content)
    assert complaint("tanh_sgd", [0], settings()).startswith("models/tanh_sgd/seed-0 cannot be read")


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_a_history_cut_short_is_refused(lines):
    path = folder() / "history.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))
    complaint("tanh_sgd", [0], settings())


@pytest.mark.parametrize("name", ["model.weights.h5", "model.json"])
def test_a_run_without_its_network_is_refused(name):
    (folder() / name).unlink()
    complaint("tanh_sgd", [0], settings())


def test_a_history_with_a_word_in_it_is_refused():
    path = folder() / "history.csv"
    path.write_text(path.read_text().replace("20.5", "low"))
    assert complaint("tanh_sgd", [0], settings()).startswith("models/tanh_sgd/seed-0 cannot be read")


@pytest.mark.parametrize(("key", "value"), [("seed", 5), ("code", "other"), ("settings", settings(epochs=9))])
def test_an_edited_identity_is_refused(key, value):
    path = folder() / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert complaint("tanh_sgd", [0], settings()).startswith("models/tanh_sgd/seed-0/run.json was edited")


def test_a_run_of_other_settings_is_refused():
    message = complaint("tanh_sgd", [0], settings(learning_rate=0.02))
    assert "trained with other settings than params.yaml's" in message


def test_a_run_in_another_seeds_folder_is_refused():
    folder(0).rename(folder(2))
    assert "models/tanh_sgd/seed-2 holds a run of seed 0" in complaint("tanh_sgd", [2], settings())


def test_a_run_is_found_by_its_identity():
    run = find_run("tanh_sgd", identity(seed=1))
    assert (run.folder, run.identity) == (folder(1), identity(seed=1))


@pytest.mark.parametrize(
    "other",
    [
        replace(identity(), code="other"),
        replace(identity(), versions={"tensorflow": "0"}),
        replace(identity(), settings=settings(epochs=9)),
        identity(seed=7),
    ],
    ids=["code", "versions", "settings", "seed"],
)
def test_a_run_of_another_identity_is_not_found(other):
    assert find_run("tanh_sgd", other) is None


def test_a_run_of_another_variant_is_not_found():
    assert find_run("relu_adam", identity()) is None


def test_a_damaged_run_is_not_found():
    (folder() / "run.json").write_text("{")
    assert find_run("tanh_sgd", identity()) is None


def test_the_identity_in_run_json_is_complete():
    described = json.loads((folder() / "run.json").read_text())
    assert {key: described[key] for key in asdict(identity())} == asdict(identity())
