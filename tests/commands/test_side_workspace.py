import os
from pathlib import Path

from support.paths import ROOT

from lenet.commands import side_workspace
from lenet.settings import load_settings
from lenet.workspace import DATASETS, project_root


def test_a_side_workspace_gets_todays_code_and_settings_and_keeps_earlier_results(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("src/lenet/gone.py", "models/tanh_sgd/run.json"):  # left by an earlier command
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    settings = load_settings()
    side_workspace.write(tmp_path, settings)
    assert load_settings(tmp_path / "params.yaml") == settings
    assert (tmp_path / "src/lenet/train.py").read_bytes() == (ROOT / "src/lenet/train.py").read_bytes()
    assert not (tmp_path / "src/lenet/gone.py").exists()
    assert (tmp_path / "models/tanh_sgd/run.json").exists()
    assert not (tmp_path / "reports").exists()


def test_the_studys_own_data_set_stays_in_the_checkout_and_another_gets_a_side_workspace(workspace, monkeypatch):
    settings, written = load_settings(), []
    monkeypatch.setattr(side_workspace, "write", lambda folder, changed: written.append((folder, changed.data.dataset)))
    assert side_workspace.prepare("mnist", settings) == Path()
    assert side_workspace.prepare("digits", settings) == DATASETS / "digits"
    assert written == [(DATASETS / "digits", "digits")]
    (workspace / DATASETS / "digits").mkdir(parents=True)
    with side_workspace.entered(DATASETS / "digits"):
        assert (Path.cwd(), project_root()) == (workspace / DATASETS / "digits", workspace)
    assert (Path.cwd(), project_root()) == (workspace, workspace)
    assert "DVC_ROOT" not in os.environ
