"""Where and when a run was trained, and where that is kept."""

import platform
import subprocess
from pathlib import Path

import pytest

from lenet.runs.provenance import Provenance, busy_s, machine_tags


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


def test_notes_come_back_as_they_were_kept(tmp_path):
    kept = Provenance({"host": "somewhere"}, 1_700_000_000_000, 12.346)
    kept.save(tmp_path)
    assert Provenance.load(tmp_path) == kept
    assert kept.ended_ms == 1_700_000_012_346


def test_lost_notes_are_none(tmp_path):
    assert Provenance.load(tmp_path) is None
    assert Provenance.load(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", [b"", b'{"tags": ', b"\xff\xfe"])
def test_damaged_notes_are_lost_ones(tmp_path, content):
    (tmp_path / "provenance.json").write_bytes(content)
    assert Provenance.load(tmp_path) is None


@pytest.mark.parametrize(
    ("intervals", "busy"),
    [
        ([(0, 10)], 10),
        ([(0, 10), (5, 10)], 15),
        ([(5, 10), (0, 100)], 100),
        ([(0, 10), (1000, 10)], 20),
        ([], 0),
    ],
    ids=["one", "side by side", "one within the other", "a pause between them", "none"],
)
def test_a_pause_in_which_nothing_trained_does_not_count(intervals, busy):
    assert busy_s(Provenance({}, 1000 * start, duration) for start, duration in intervals) == busy
