"""How this project runs DVC."""

from configparser import ConfigParser
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from lenet.commands import dvc, foreground
from lenet.errors import LabError
from lenet.workspace import LOCK


def test_dvcs_stages_run_with_sh_whatever_the_users_shell_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHELL", "/bin/false")
    assert foreground.run([*dvc.COMMAND, "init", "--no-scm", "--quiet"]) == 0
    (tmp_path / "dvc.yaml").write_text("stages: {greet: {cmd: GREETING=hello env > printed, outs: [printed]}}")
    assert foreground.run([*dvc.COMMAND, "repro"]) == 0
    assert "GREETING=hello\n" in (tmp_path / "printed").read_text()


def test_dvcs_analytics_and_its_check_for_updates_are_off():
    settings = ConfigParser()
    settings.read(ROOT / ".dvc/config")
    assert dict(settings["core"]) == {"analytics": "false", "check_update": "false"}


def test_all_variants_together_are_one_target_of_dvc_while_some_are_one_target_each():
    assert dvc.evaluate_targets(["a", "b"], ["a", "b"]) == ["evaluate"]
    assert dvc.evaluate_targets(["a"], ["a", "b"]) == ["evaluate@a"]
    assert dvc.evaluate_targets([], ["a", "b"]) == []


REMOVED = "removed .dvc/tmp/rwlock, which was truncated, perhaps by a full disk\n"


@pytest.mark.parametrize(
    ("content", "warning"),
    [("", REMOVED), ('{"read": {"/a": [{"pid": 1, "c', REMOVED), ("{}", "")],
    ids=["empty", "truncated", "whole"],
)
def test_a_truncated_rwlock_of_dvc_is_removed_with_one_line(workspace, content, warning, capsys):
    path = workspace / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    dvc.remove_damaged_lock()
    assert path.exists() == (not warning)
    assert capsys.readouterr().err == warning


@pytest.mark.parametrize(("free_mb", "hint"), [(3, "only 3 MB are left on the disk: free some space; "), (5000, "")])
def test_if_the_pipeline_stops_on_a_full_disk_the_message_says_so(workspace, monkeypatch, free_mb, hint):
    monkeypatch.setattr(dvc.foreground, "run", lambda command, environment, hidden: 1)
    monkeypatch.setattr(dvc.shutil, "disk_usage", lambda path: SimpleNamespace(free=free_mb << 20))
    with pytest.raises(LabError, match=f"^the pipeline stopped: {hint}see the message above\\. Correct its cause"):
        dvc.reproduce(["plot"])


def test_a_folder_outside_git_is_refused_with_a_hint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        LabError, match=r"is not a git repository \(was it downloaded as a ZIP file\?\).*run `git init` here"
    ):
        dvc.refuse_without_git()
    (tmp_path / ".git").mkdir()
    dvc.refuse_without_git()


def test_merge_conflicts_in_dvc_lock_are_refused_with_a_hint(workspace):
    dvc.refuse_conflicts()
    LOCK.write_text("schema: '2.0'\nstages:\n<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    with pytest.raises(LabError, match=r"^dvc\.lock has merge conflicts: .*`rm dvc\.lock && make repro`"):
        dvc.refuse_conflicts()


def test_stages_of_removed_variants_are_removed_from_dvc_lock_and_nothing_else_changes(workspace):
    committed_lock = (ROOT / LOCK).read_text()
    LOCK.write_text(committed_lock)
    stages = YAML(typ="safe").load(committed_lock)["stages"]
    dvc.drop_removed_variants({stage.partition("@")[2] for stage in stages})
    assert LOCK.read_text() == committed_lock
    dvc.drop_removed_variants(["tanh_sgd"])
    kept_stages = YAML(typ="safe").load(LOCK)["stages"]
    assert set(kept_stages) == {"download", "preprocess", "train@tanh_sgd", "evaluate@tanh_sgd", "plot"}
    assert all(kept_stages[stage] == stages[stage] for stage in kept_stages)
