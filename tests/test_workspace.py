"""Files are written whole or not at all, and outputs of removed variants are removed and named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lenet import workspace as places
from lenet.workspace import atomic_write, project_root, remove_outputs_of_other_variants, run_store_folder

FOLDERS = [places.MODELS, places.PREDICTIONS, places.METRICS, places.DETAILS, places.CURVES, places.MISREAD]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


@pytest.mark.parametrize("workspace", [".", ".dvc/tmp/exps/tmp4x", ".demo"])
def test_the_project_root_is_the_checkout_also_in_a_temporary_workspace(tmp_path, monkeypatch, workspace):
    (tmp_path / workspace).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / workspace)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert project_root() == tmp_path.resolve()
    assert run_store_folder() == (tmp_path / ".runs").resolve()


@pytest.mark.parametrize("outer", [None, "..", "/nowhere", ".demo"])
def test_an_outer_project_of_dvc_is_not_taken_for_the_checkout(tmp_path, monkeypatch, outer):
    """DVC names its project in DVC_ROOT when it runs a stage.

    If a stage of an outer project runs `make repro` in this checkout, DVC_ROOT names the outer project.
    """
    if outer:
        monkeypatch.setenv("DVC_ROOT", outer)
    assert project_root() == tmp_path.resolve()


def write(path, content):
    """Write a file, or a folder with files."""
    if isinstance(content, str):
        path.write_text(content)
        return
    path.mkdir()
    for name, text in content.items():
        (path / name).write_text(text)


def read(path):
    return {file.name: file.read_text() for file in path.iterdir()} if path.is_dir() else path.read_text()


KINDS = pytest.mark.parametrize(
    ("old", "new"), [("old", "new"), ({"old.txt": "old"}, {"new.txt": "new"})], ids=["file", "folder"]
)


@KINDS
def test_the_old_version_stays_until_the_new_one_is_complete(old, new):
    for content in (old, new):
        with atomic_write(Path("a/b")) as partial:
            write(partial, content)
            assert not Path("a/b").exists() or read(Path("a/b")) == old
    assert read(Path("a/b")) == new
    assert [path.name for path in Path("a").iterdir()] == ["b"]


@KINDS
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_version_and_nothing_beside_it(old, new, error):
    write(Path("result"), old)

    def fail():
        with atomic_write(Path("result")) as partial:
            write(partial, new)
            partial.with_name(f"{partial.name}-journal").touch()  # as SQLite names its journal
            raise error("stop")

    with pytest.raises(error, match="stop"):
        fail()
    assert read(Path("result")) == old
    assert list(Path().iterdir()) == [Path("result")]


def test_partial_files_of_killed_processes_are_removed_and_those_of_running_processes_stay():
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    write(Path(f".models.{killed.pid}.partial"), {"torn.txt": "torn"})
    Path(f".models.{killed.pid}.partial-journal").touch()
    other = Path(f".models.{os.getppid()}.partial")
    other.mkdir()
    with atomic_write(Path("models")) as partial:
        write(partial, {"new.txt": "new"})
    assert sorted(Path().iterdir()) == [other, Path("models")]
    assert read(Path("models")) == {"new.txt": "new"}


def test_durable_files_are_flushed_before_they_take_their_place(monkeypatch):
    replaced_at_flush = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: replaced_at_flush.append(Path("models").exists()))
    with atomic_write(Path("models"), durable=True) as partial:
        write(partial, {"new.txt": "new"})
    # Flushed: the file and its folder before the replacement, then the parent folder.
    assert replaced_at_flush == [False, False, True]


def test_outputs_of_removed_variants_are_removed_from_every_folder_and_named(capsys):
    remove_outputs_of_other_variants(["kept"])
    assert capsys.readouterr().out == ""
    for folder in FOLDERS:
        folder.mkdir(parents=True)
        for variant in ("kept", "gone"):
            (folder / f"{variant}.json").write_text(variant)
    (places.MODELS / "gone.json").unlink()
    (places.MODELS / "gone" / "seed-0").mkdir(parents=True)
    gone = [places.MODELS / "gone", *(folder / "gone.json" for folder in FOLDERS[1:])]
    remove_outputs_of_other_variants(["kept"])
    assert capsys.readouterr().out.splitlines() == [
        f"removed {path}: params.yaml no longer has its variant" for path in gone
    ]
    assert [path for path in gone if path.exists()] == []
    assert [(folder / "kept.json").read_text() for folder in FOLDERS] == ["kept"] * len(FOLDERS)
