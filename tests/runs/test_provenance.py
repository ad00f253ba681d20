"""Where and when a run was trained, and where that is kept."""

import os
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


def test_the_commit_is_told_and_a_committed_state_is_clean(commit):
    tags = machine_tags()
    assert (tags["git_commit"], tags["git_dirty"]) == (commit, "false")
    assert (tags["host"], tags["python"]) == (platform.node(), platform.python_version())


@pytest.mark.parametrize("edited", ["file.txt", "new.txt"])
def test_an_edit_since_the_commit_is_told(commit, edited):
    Path(edited).write_text("edited")
    assert machine_tags()["git_dirty"] == "true"


def test_a_checkout_of_another_owner_costs_the_commit_and_one_warning(commit, monkeypatch, capsys):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "git_commit" not in machine_tags()
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: the commit of the runs is not recorded: fatal: detected dubious ownership")
    assert "git config --global --add safe.directory" in warning


def test_a_repository_without_a_commit_is_no_reason_for_a_warning(capsys):
    git("init", "--quiet")
    assert "git_commit" not in machine_tags()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", [os.environ["PATH"], ""], ids=["outside a repository", "without git"])
def test_what_is_not_known_is_left_out_and_the_rest_is_told(monkeypatch, path):
    monkeypatch.setenv("PATH", path)
    assert machine_tags().keys() == {"host", "processor", "python"}


def test_the_dvc_experiment_is_told_where_there_is_one(monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "warm-start")
    assert machine_tags()["dvc_experiment"] == "warm-start"


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
