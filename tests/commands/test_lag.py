"""Whether dvc.lock's code is the code that is here; in pipelines of two small stages."""

import json
import subprocess

import pytest

from lenet.commands.lag import lagging_stages
from lenet.errors import LabError

pytestmark = pytest.mark.slow  # DVC itself


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A repository whose stages ran: one depends on a module, the other on a room and on data."""
    monkeypatch.chdir(tmp_path)
    room = tmp_path / "src/lenet/room"
    room.mkdir(parents=True)
    (room / "inside.py").write_text("weights = 1\n")
    (tmp_path / "src/lenet/alone.py").write_text("weights = 1\n")
    (tmp_path / "data.txt").write_text("data")
    stages = {
        "first": {"cmd": "true", "deps": ["src/lenet/alone.py"]},
        "second": {"cmd": "true", "deps": ["src/lenet/room", "data.txt"]},
    }
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"], ["dvc", "repro", "--quiet"]):
        subprocess.run(command, check=True, capture_output=True)
    return tmp_path


def test_results_of_the_code_that_is_here_do_not_lag(pipeline):
    assert lagging_stages() == {}


def test_code_that_was_edited_since_is_named_by_stage_and_missing_data_is_not(pipeline):
    (pipeline / "src/lenet/room/inside.py").write_text("weights = 2\n")
    (pipeline / "data.txt").unlink()
    assert lagging_stages() == {"second": ["src/lenet/room"]}


def test_where_dvc_cannot_tell_its_reason_is_the_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match=r"^dvc status failed: .*not inside of a DVC repository"):
        lagging_stages()
