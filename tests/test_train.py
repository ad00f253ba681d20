import os
import subprocess
import sys

import pytest


def run_stage(dvc_stage):
    environment = os.environ | {"DVC_STAGE": dvc_stage}
    return subprocess.run([sys.executable, "-m", "lenet.train"], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("dvc_stage", "message"),
    [
        ("", "error: train: no variant in DVC_STAGE: run it with DVC, as in `dvc repro train@tanh_sgd`"),
        ("evaluate@tanh_sgd", "error: train: no variant in DVC_STAGE: "),
        ("train@relu_adam", "error: data/processed/statistics.json cannot be read"),
    ],
    ids=["no variant", "another stage", "no data"],
)
def test_a_users_mistake_is_reported_in_one_line(workspace, dvc_stage, message):
    finished = run_stage(dvc_stage)
    (line,) = finished.stderr.splitlines()
    assert line.startswith(message)
    assert finished.returncode == 1
    assert not any((workspace / "models").glob("*"))
