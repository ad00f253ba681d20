import os
import subprocess
import sys

import pytest
from support.params import edit_params

from lenet import imports
from lenet.errors import LabError
from lenet.runs import code
from lenet.train import unchanged_meanwhile


def train(dvc_stage):
    environment = os.environ | {"DVC_STAGE": dvc_stage}
    return subprocess.run([sys.executable, "-m", "lenet.train"], env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dvc_stage", "said"),
    [
        ("", "error: train: no variant in DVC_STAGE: run it through DVC, as in `dvc repro train@tanh_sgd`"),
        ("evaluate@tanh_sgd", "error: train: no variant in DVC_STAGE: "),
        ("train@relu_adm", "error: params.yaml: unknown variant relu_adm: did you mean relu_adam?"),
        ("train@relu_adam", "error: data/processed/statistics.json cannot be read"),
    ],
    ids=["no variant", "another stage", "unknown variant", "no data"],
)
def test_a_users_mistake_is_said_in_one_line(workspace, dvc_stage, said):
    done = train(dvc_stage)
    (line,) = done.stderr.splitlines()
    assert line.startswith(said)
    assert done.returncode == 1
    assert not any((workspace / "models").glob("*"))


def test_nothing_edited_nothing_said(workspace):
    with unchanged_meanwhile("tanh_sgd"):
        pass


def test_settings_edited_meanwhile_are_refused_by_name(workspace):
    refused = pytest.raises(
        LabError, match=r"^params.yaml changed while train@tanh_sgd ran; the finished runs are kept"
    )
    with refused, unchanged_meanwhile("tanh_sgd"), edit_params() as params:
        params["base"]["learning_rate"] = 0.02


def test_another_variants_settings_may_be_edited_meanwhile(workspace):
    with unchanged_meanwhile("tanh_sgd"):
        with edit_params() as params:
            params["variants"]["relu_adam"]["learning_rate"] = 0.002


def test_code_edited_meanwhile_is_refused_by_name(workspace, monkeypatch):
    package = workspace / "lenet"
    package.mkdir()
    (package / "train.py").write_text("import lenet.model\n")
    (package / "model.py").write_text("weights = 1\n")
    monkeypatch.setattr(imports, "PACKAGE", package)
    monkeypatch.setattr(code, "PACKAGE", package)
    with pytest.raises(LabError, match=r"^src/lenet/model.py changed while train@tanh_sgd ran"):
        with unchanged_meanwhile("tanh_sgd"):
            (package / "model.py").write_text("edited = True\n")


def test_a_comment_edited_meanwhile_is_no_edit(workspace, monkeypatch):
    package = workspace / "lenet"
    package.mkdir()
    (package / "train.py").write_text("weights = 1\n")
    monkeypatch.setattr(imports, "PACKAGE", package)
    monkeypatch.setattr(code, "PACKAGE", package)
    with unchanged_meanwhile("tanh_sgd"):
        (package / "train.py").write_text("weights = 1  # only one\n")
