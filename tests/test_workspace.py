"""Files appear whole or not at all, and outputs of removed variants do not linger."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lenet import workspace as places
from lenet.errors import LabError
from lenet.workspace import orphans, project_root, refuse_orphans, remove_orphans, run_store, written_whole

FOLDERS = [places.MODELS, places.PREDICTIONS, places.METRICS, places.DETAILS, places.CURVES, places.MISREAD]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


def everything():
    return sorted(str(path) for path in Path().rglob("*"))


def test_the_project_root_is_the_current_folder(tmp_path):
    assert project_root() == tmp_path.resolve()


def test_in_a_temporary_workspace_the_project_root_is_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "checkout"))
    assert project_root() == (tmp_path / "checkout").resolve()
    assert run_store() == (tmp_path / "checkout" / ".runs").resolve()


def test_a_file_is_written_and_its_folders_are_made():
    with written_whole(Path("a/b/file.txt")) as partial:
        partial.write_text("new")
    assert Path("a/b/file.txt").read_text() == "new"
    assert everything() == ["a", "a/b", "a/b/file.txt"]


def test_the_old_file_stands_until_the_new_one_is_whole():
    path = Path("file.txt")
    path.write_text("old")
    with written_whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert everything() == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, LabError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_no_partial_one(error):
    path = Path("file.txt")
    path.write_text("old")

    def fail():
        with written_whole(path) as partial:
            partial.write_text("half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert everything() == ["file.txt"]


def test_a_failure_where_nothing_was_leaves_nothing():
    def fail():
        with written_whole(Path("file.txt")) as partial:
            partial.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert everything() == []


def test_a_folder_is_replaced_as_a_whole():
    Path("models").mkdir()
    Path("models/old.txt").write_text("old")
    with written_whole(Path("models")) as partial:
        partial.mkdir()
        (partial / "new.txt").write_text("new")
    assert everything() == ["models", "models/new.txt"]


def test_a_failure_leaves_the_old_folder_as_it_was():
    Path("models").mkdir()
    Path("models/old.txt").write_text("old")

    def fail():
        with written_whole(Path("models")) as partial:
            partial.mkdir()
            (partial / "new.txt").write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert everything() == ["models", "models/old.txt"]
    assert Path("models/old.txt").read_text() == "old"


@pytest.fixture
def dead():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_process_left_is_removed_and_does_not_get_into_the_next_result(dead):
    left = Path(f".models.{dead}.partial")
    left.mkdir()
    (left / "torn.txt").write_text("torn")
    with written_whole(Path("models")) as partial:
        partial.mkdir()
        (partial / "new.txt").write_text("new")
    assert everything() == ["models", "models/new.txt"]


def test_what_a_killed_process_left_beside_its_partial_file_is_removed_too(dead):
    Path(f".mlflow.db.{dead}.partial").touch()
    Path(f".mlflow.db.{dead}.partial-journal").touch()
    with written_whole(Path("mlflow.db")) as partial:
        partial.touch()
    assert everything() == ["mlflow.db"]


def fail_beside_a_journal():
    with written_whole(Path("mlflow.db")) as partial:
        partial.touch()
        partial.with_name(f"{partial.name}-journal").touch()
        raise OSError("full")


def test_a_failure_leaves_nothing_beside_its_partial_file_either():
    with pytest.raises(OSError, match="full"):
        fail_beside_a_journal()
    assert everything() == []


def test_what_another_process_is_writing_is_left_alone():
    other = Path(f".models.{os.getppid()}.partial")
    other.mkdir()
    with written_whole(Path("models")) as partial:
        partial.mkdir()
    assert other.is_dir()


def test_durable_files_are_flushed_before_they_take_their_place(monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(Path("models").exists()))
    with written_whole(Path("models"), durable=True) as partial:
        partial.mkdir()
        (partial / "new.txt").write_text("new")
    assert seen == [False, False, True]  # the file, its folder, and then the folder that names it


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file():
    path = Path("file.txt")
    path.write_text("old")

    def forget():
        with written_whole(path):
            pass

    with pytest.raises(FileNotFoundError):
        forget()
    assert path.read_text() == "old"


@pytest.fixture
def outputs():
    """Outputs of `kept` and `gone` in every per-variant folder; returns those of `gone`."""
    for folder in FOLDERS:
        folder.mkdir(parents=True)
        for variant in ("kept", "gone"):
            (folder / f"{variant}.json").write_text(variant)
    (places.MODELS / "gone.json").unlink()
    (places.MODELS / "gone" / "seed-0").mkdir(parents=True)
    (places.MODELS / "gone" / "seed-0" / "run.json").write_text("gone")
    return [places.MODELS / "gone", *(folder / "gone.json" for folder in FOLDERS[1:])]


def test_outputs_of_a_removed_variant_are_found_in_every_folder(outputs):
    assert sorted(orphans(["kept"])) == sorted(outputs)


def test_known_variants_are_not_orphans(outputs):
    assert orphans(["kept", "gone"]) == []


def test_folders_that_are_not_there_hold_no_orphans():
    assert orphans(["kept"]) == []


def test_orphans_are_refused_in_one_line_that_names_them_all(outputs):
    with pytest.raises(LabError) as caught:
        refuse_orphans(["kept"])
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert all(str(path) in message for path in outputs)
    assert "make repro" in message


def test_nothing_is_refused_where_there_are_no_orphans(outputs):
    assert refuse_orphans(["kept", "gone"]) is None


def test_orphans_are_removed_and_told_of(outputs):
    assert sorted(remove_orphans(["kept"])) == sorted(outputs)
    assert orphans(["kept"]) == []
    assert [path for path in outputs if path.exists()] == []


def test_removing_orphans_leaves_the_known_variants(outputs):
    remove_orphans(["kept"])
    assert [(folder / "kept.json").read_text() for folder in FOLDERS] == ["kept"] * len(FOLDERS)
