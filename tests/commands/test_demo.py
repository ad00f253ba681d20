import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from lenet.commands import demo
from lenet.errors import LabError
from lenet.settings import load_settings


def test_the_demonstration_is_the_primary_comparison_beside_the_paper(workspace):
    settings = demo.demo_settings(load_settings(), [])
    assert list(settings.variants) == list(settings.about) == ["tanh_sgd", "relu_adam", "lenet5_1998"]
    assert settings.comparison.primary == ("relu_adam", "tanh_sgd")
    assert settings.comparison.original == "lenet5_1998"
    assert settings.comparison.ladder == ("tanh_sgd", "relu_adam")


def test_other_variants_can_be_chosen_and_what_they_lack_is_not_compared(workspace):
    settings = demo.demo_settings(load_settings(), ["tanh_sgd", "modern"])
    assert list(settings.variants) == ["tanh_sgd", "modern"]
    assert settings.comparison.primary == ()
    assert settings.comparison.original is None
    assert settings.comparison.ladder == ("tanh_sgd", "modern")
    with pytest.raises(LabError, match=r"^params.yaml: unknown variant modren: did you mean modern\?$"):
        demo.demo_settings(load_settings(), ["modren"])


def test_the_demonstration_has_a_workspace_of_its_own_with_this_code_and_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = demo.demo_settings(load_settings(), [])
    folder = tmp_path / ".demo"
    demo.write_workspace(folder, settings)
    assert load_settings(folder / "params.yaml") == settings
    assert YAML(typ="safe").load(folder / "params.yaml")["data"]["dataset"] == "digits"
    assert (folder / "src/lenet/train.py").read_bytes() == (ROOT / "src/lenet/train.py").read_bytes()
    assert not (folder / "reports").exists()


def test_another_demonstration_keeps_what_is_done_and_forgets_code_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("src/lenet/gone.py", "models/tanh_sgd/run.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    demo.write_workspace(tmp_path, demo.demo_settings(load_settings(), []))
    assert not (tmp_path / "src/lenet/gone.py").exists()
    assert (tmp_path / "models/tanh_sgd/run.json").exists()
