"""Where and when a run was trained, and where that is kept."""

import json
import platform
import subprocess
from pathlib import Path

import pytest

from lenet.execution import provenance
from lenet.execution.provenance import Provenance, load_provenance, machine_tags, save_provenance


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    machine_tags.cache_clear()
    yield
    machine_tags.cache_clear()


def git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def commit():
    """A repository with one commit; returns its name."""
    git("init", "--quiet")
    Path("file.txt").write_text("committed")
    git("add", "file.txt")
    git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "Begin")
    return git("rev-parse", "HEAD")


def test_the_commit_is_told(commit):
    assert len(commit) == 40
    assert machine_tags()["git_commit"] == commit


def test_a_committed_state_is_clean(commit):
    assert machine_tags()["git_dirty"] == "false"


@pytest.mark.parametrize("edited", ["file.txt", "new.txt"])
def test_an_edit_since_the_commit_is_told(commit, edited):
    Path(edited).write_text("edited")
    assert machine_tags()["git_dirty"] == "true"


def test_outside_a_repository_nothing_is_said_of_a_commit():
    assert "git_commit" not in machine_tags()


def test_outside_a_repository_nothing_is_said_of_edits():
    assert "git_dirty" not in machine_tags()


def test_without_git_the_rest_is_still_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    tags = machine_tags()
    assert "git_commit" not in tags
    assert (tags["host"], tags["python"]) == (platform.node(), platform.python_version())


def test_the_dvc_experiment_is_told_where_there_is_one(monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "warm-start")
    assert machine_tags()["dvc_experiment"] == "warm-start"


def test_what_is_not_known_is_left_out():
    tags = machine_tags()
    assert "dvc_experiment" not in tags
    assert [name for name, value in tags.items() if not value] == []


def test_every_tag_is_text(commit):
    assert {type(value) for value in machine_tags().values()} == {str}


def test_the_tags_are_taken_once(commit):
    before = machine_tags()
    Path("file.txt").write_text("edited while training")
    assert machine_tags() is before


def test_notes_come_back_as_they_were_kept(monkeypatch):
    monkeypatch.setattr(provenance, "machine_tags", lambda: {"host": "somewhere"})
    save_provenance("abc", started_ms=1_700_000_000_000, duration_s=12.34567)
    assert load_provenance("abc") == Provenance({"host": "somewhere"}, 1_700_000_000_000, 12.346)
    assert load_provenance("abc").ended_ms == 1_700_000_012_346


def test_notes_lie_untracked_under_their_runs_digest():
    save_provenance("abc", started_ms=1, duration_s=2.0)
    assert [str(path) for path in Path().rglob("*") if path.is_file()] == [".runs/abc.json"]
    assert json.loads(Path(".runs/abc.json").read_text())["duration_s"] == 2.0


def test_notes_of_a_temporary_workspace_lie_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "checkout"))
    save_provenance("abc", started_ms=1, duration_s=2.0)
    assert (tmp_path / "checkout/.runs/abc.json").is_file()
    assert load_provenance("abc").started_ms == 1


def test_lost_notes_are_none():
    assert load_provenance("abc") is None


@pytest.mark.parametrize("content", [b"", b'{"tags": ', b"\xff\xfe"])
def test_damaged_notes_are_lost_ones(content):
    Path(".runs").mkdir()
    Path(".runs/abc.json").write_bytes(content)
    assert load_provenance("abc") is None


def test_newer_notes_of_a_run_replace_older_ones():
    save_provenance("abc", started_ms=1, duration_s=2.0)
    save_provenance("abc", started_ms=3, duration_s=4.0)
    assert load_provenance("abc").started_ms == 3
