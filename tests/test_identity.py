import json
from dataclasses import asdict, replace

import pytest
from builders import identity

from lenet import source
from lenet.errors import LabError
from lenet.identity import unchanged_meanwhile


def test_the_digest_follows_from_the_content_alone():
    assert identity().digest == identity().digest
    assert len(identity().digest) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "other"},
        {"seed": 1},
        {"settings": {"epochs": 3}},
        {"data": {"dataset": "other"}},
        {"code": "other"},
        {"versions": {"tensorflow": "0"}},
    ],
)
def test_whatever_decides_the_bits_changes_the_digest(change):
    assert replace(identity(), **change).digest != identity().digest


def test_seeds_of_a_variant_share_a_family_and_nothing_else_does():
    assert identity(seed=0).family == identity(seed=1).family
    assert identity(variant="relu_adam").family != identity(variant="tanh_sgd").family


def test_an_identity_survives_json():
    raw = json.loads(json.dumps(asdict(identity())))
    assert type(identity())(**raw).digest == identity().digest


def test_nothing_edited_nothing_said(workspace):
    with unchanged_meanwhile("train", "tanh_sgd"):
        pass


def test_settings_edited_meanwhile_are_refused_by_name(workspace):
    params = workspace / "params.yaml"
    with pytest.raises(LabError, match=r"^params.yaml changed while train@tanh_sgd ran, so nothing was kept"):
        with unchanged_meanwhile("train", "tanh_sgd"):
            params.write_text(params.read_text().replace("learning_rate: 0.01", "learning_rate: 0.02"))


def test_another_variants_settings_may_be_edited_meanwhile(workspace):
    params = workspace / "params.yaml"
    with unchanged_meanwhile("train", "tanh_sgd"):
        params.write_text(params.read_text().replace("learning_rate: 0.001", "learning_rate: 0.002"))


def test_code_edited_meanwhile_is_refused_by_name(workspace, monkeypatch):
    package = workspace / "lenet"
    package.mkdir()
    (package / "train.py").write_text("import lenet.model\n")
    (package / "model.py").write_text("")
    monkeypatch.setattr(source, "PACKAGE", package)
    with pytest.raises(LabError, match=r"^src/lenet/model.py changed while train@tanh_sgd ran"):
        with unchanged_meanwhile("train", "tanh_sgd"):
            (package / "model.py").write_text("edited = True\n")
