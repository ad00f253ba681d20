"""Provenance: the tags that describe the machine, and the time that the training of runs took."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from lenet.runs.provenance import Provenance, busy_time_s, machine_tags


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
    completed = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return completed.stdout.strip()


@pytest.fixture
def commit():
    """Create a git repository with one commit. Return the commit's hash."""
    git("init", "--quiet")
    Path("file.txt").write_text("committed")
    git("add", "file.txt")
    git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "Begin")
    return git("rev-parse", "HEAD")


def test_the_tags_have_the_commit_and_say_that_an_unedited_checkout_is_clean(commit):
    tags = machine_tags()
    assert (tags["git_commit"], tags["git_dirty"]) == (commit, "false")
    assert (tags["host"], tags["python"]) == (platform.node(), platform.python_version())


@pytest.mark.parametrize("edited", ["file.txt", "new.txt"])
def test_the_tags_say_that_the_checkout_was_edited_since_the_commit(commit, edited):
    Path(edited).write_text("edited")
    assert machine_tags()["git_dirty"] == "true"


def test_a_checkout_of_another_user_gives_one_warning_and_no_commit(commit, monkeypatch, capsys):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "git_commit" not in machine_tags()
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: the commit of the runs is not recorded: fatal: detected dubious ownership")
    assert "git config --global --add safe.directory" in warning


def test_a_repository_without_commits_causes_no_warning(capsys):
    git("init", "--quiet")
    assert "git_commit" not in machine_tags()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", [os.environ["PATH"], ""], ids=["outside a repository", "without git"])
def test_tags_without_a_value_are_left_out(monkeypatch, path):
    monkeypatch.setenv("PATH", path)
    assert machine_tags().keys() == {"host", "processor", "python"}


def test_the_tags_have_the_name_of_the_dvc_experiment(monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "warm-start")
    assert machine_tags()["dvc_experiment"] == "warm-start"


@pytest.mark.parametrize(
    ("intervals", "expected_s"),
    [
        ([(0, 10)], 10),
        ([(0, 10), (5, 10)], 15),
        ([(5, 10), (0, 100)], 100),
        ([(0, 10), (1000, 10)], 20),
        ([], 0),
    ],
    ids=["one", "side by side", "one within the other", "a pause between them", "none"],
)
def test_busy_seconds_count_overlaps_once_and_leave_out_pauses(intervals, expected_s):
    assert busy_time_s(Provenance({}, 1000 * start, duration) for start, duration in intervals) == expected_s
