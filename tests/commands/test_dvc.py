"""DVC as this project starts it."""

from configparser import ConfigParser
from types import SimpleNamespace

import pytest
from support.paths import ROOT

from lenet.commands import dvc, foreground
from lenet.errors import LabError


def test_dvcs_stages_run_whatever_the_users_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHELL", "/bin/false")
    assert foreground.run([*dvc.COMMAND, "init", "--no-scm", "--quiet"]) == 0
    (tmp_path / "dvc.yaml").write_text("stages: {greet: {cmd: GREETING=hello env > printed, outs: [printed]}}")
    assert foreground.run([*dvc.COMMAND, "repro"]) == 0
    assert "GREETING=hello\n" in (tmp_path / "printed").read_text()


def test_dvc_neither_tells_of_its_use_nor_asks_for_updates():
    settings = ConfigParser()
    settings.read(ROOT / ".dvc/config")
    assert dict(settings["core"]) == {"analytics": "false", "check_update": "false"}


REMOVED = "removed .dvc/tmp/rwlock, which was truncated, perhaps by a full disk\n"


@pytest.mark.parametrize(
    ("content", "warning"),
    [("", REMOVED), ('{"read": {"/a": [{"pid": 1, "c', REMOVED), ("{}", "")],
    ids=["empty", "cut off", "whole"],
)
def test_a_list_of_locks_that_a_full_disk_cut_off_is_removed_with_one_line(workspace, content, warning, capsys):
    path = workspace / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    dvc.remove_damaged_lock()
    assert path.exists() == (not warning)
    assert capsys.readouterr().err == warning


@pytest.mark.parametrize(("free_mb", "advice"), [(3, "only 3 MB are left on the disk: free some space; "), (5000, "")])
def test_a_pipeline_that_stops_on_a_full_disk_says_so(workspace, monkeypatch, free_mb, advice):
    monkeypatch.setattr(dvc.foreground, "run", lambda command, environment: 1)
    monkeypatch.setattr(dvc.shutil, "disk_usage", lambda path: SimpleNamespace(free=free_mb << 20))
    with pytest.raises(LabError, match=f"^the pipeline stopped: {advice}see the message above; "):
        dvc.reproduce(["plot"])
