import os

import pytest

from lenet.commands import unchanged


@pytest.fixture
def done(workspace):
    """A workspace in which all was done, as small as can be."""
    for name in ("dvc.yaml", "dvc.lock", "src/lenet/train.py", "models/tanh_sgd/seed-0/run.json", "mlflow.db"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text("1")
    unchanged.note(unchanged.inputs())
    return workspace


def test_what_was_noted_is_unchanged_also_after_byte_code_was_written(done):
    (done / "src/lenet/__pycache__").mkdir()
    (done / "src/lenet/__pycache__/train.pyc").touch()
    assert unchanged.is_noted()


@pytest.mark.parametrize("name", ["params.yaml", "dvc.lock", "src/lenet/train.py", "mlflow.db"])
def test_an_edit_of_the_same_length_is_a_change(done, name):
    (done / name).write_text((done / name).read_text()[:-1] + "2")
    os.utime(done / name, ns=(1, 1))
    assert not unchanged.is_noted()


@pytest.mark.parametrize("name", ["models/tanh_sgd/seed-0/run.json", "mlflow.db"])
def test_what_is_gone_is_a_change(done, name):
    (done / name).unlink()
    assert not unchanged.is_noted()


def test_a_new_file_is_a_change(done):
    (done / "src/lenet/new.py").touch()
    assert not unchanged.is_noted()


def test_nothing_is_noted_where_an_input_was_edited_meanwhile(done):
    before = unchanged.inputs()
    (done / "params.yaml").write_text("edited: true")
    unchanged.note(before)
    assert not unchanged.is_noted()


def test_of_a_server_nobody_knows_whether_it_changed(done, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    unchanged.note(unchanged.inputs())
    assert not unchanged.is_noted()


def test_a_damaged_note_counts_for_nothing(done):
    (done / ".dvc/tmp/reproduced.json").write_text("[")
    assert not unchanged.is_noted()


def test_another_version_of_a_library_that_decides_bits_is_a_change(done, monkeypatch):
    monkeypatch.setattr(unchanged, "library_versions", lambda: {"keras": "2.0.0"})
    assert not unchanged.is_noted()
