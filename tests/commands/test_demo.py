import re

import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from lenet.commands import demo
from lenet.errors import LabError
from lenet.settings import load_settings


@pytest.mark.parametrize(
    ("primary", "kept"), [(("relu_adam", "tanh_sgd"), ("relu_adam", "tanh_sgd")), (("modern", "tanh_sgd"), ())]
)
def test_the_demonstration_compares_only_variants_that_it_has(workspace, primary, kept):
    study = load_settings()
    study = study.model_copy(update={"comparison": study.comparison.model_copy(update={"primary": primary})})
    settings = demo.demo_settings(study)
    assert settings.comparison.primary == kept
    assert settings.comparison.ladder == ("tanh_sgd", "relu_adam")
    assert tuple(settings.variants) == tuple(settings.about) == demo.VARIANTS


def test_the_demonstration_goes_with_the_variants_that_the_study_still_has(workspace):
    study = load_settings()
    left = {name: recipe for name, recipe in study.variants.items() if name not in ("tanh_sgd", "lenet5_1998")}
    settings = demo.demo_settings(study.model_copy(update={"variants": left}))
    assert tuple(settings.variants) == settings.comparison.ladder == ("relu_adam",)
    with pytest.raises(LabError, match=re.escape("has none of the demo's variants: keep one of tanh_sgd,")):
        demo.demo_settings(study.model_copy(update={"variants": {"modern": study.variants["modern"]}}))


def test_the_demonstration_has_a_workspace_of_its_own_with_this_code_and_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = demo.demo_settings(load_settings())
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
    demo.write_workspace(tmp_path, demo.demo_settings(load_settings()))
    assert not (tmp_path / "src/lenet/gone.py").exists()
    assert (tmp_path / "models/tanh_sgd/run.json").exists()
