"""DVC as this project starts it."""

from configparser import ConfigParser
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from lenet.commands import dvc, foreground
from lenet.errors import LabError
from lenet.workspace import LOCK


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


def test_all_variants_are_one_target_of_dvc_and_others_are_named():
    assert dvc.evaluate_targets(["a", "b"], ["a", "b"]) == ["evaluate"]
    assert dvc.evaluate_targets(["a"], ["a", "b"]) == ["evaluate@a"]
    assert dvc.evaluate_targets([], ["a", "b"]) == []


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
    with pytest.raises(LabError, match=f"^the pipeline stopped: {advice}see the message above\\. When its cause"):
        dvc.reproduce(["plot"])


def test_a_folder_without_git_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match=r"is no git repository, as after a download as ZIP.*run `git init` here"):
        dvc.refuse_without_git()
    (tmp_path / ".git").mkdir()
    dvc.refuse_without_git()


def test_conflicts_of_a_merge_in_the_lock_are_refused_with_the_way_out(workspace):
    dvc.refuse_conflicts()
    LOCK.write_text("schema: '2.0'\nstages:\n<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    with pytest.raises(LabError, match=r"^dvc\.lock has conflicts of a merge: .*`rm dvc\.lock && make repro`"):
        dvc.refuse_conflicts()


def test_the_lock_loses_the_stages_of_other_variants_and_keeps_every_other_byte(workspace):
    whole = (ROOT / LOCK).read_text()
    LOCK.write_text(whole)
    stages = YAML(typ="safe").load(whole)["stages"]
    dvc.drop_removed_variants({stage.partition("@")[2] for stage in stages})
    assert LOCK.read_text() == whole
    dvc.drop_removed_variants(["tanh_sgd"])
    kept = YAML(typ="safe").load(LOCK)["stages"]
    assert set(kept) == {"download", "preprocess", "train@tanh_sgd", "evaluate@tanh_sgd", "plot"}
    assert all(kept[stage] == stages[stage] for stage in kept)
