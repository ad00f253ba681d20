import pytest

from lenet.commands.git import git
from lenet.errors import LabError


def test_a_failure_of_git_is_reported_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match=r"^git rev-parse failed: fatal: not a git repository") as raised:
        git("rev-parse", "HEAD")
    assert "\n" not in str(raised.value)
