"""Run the real pipeline on the real MNIST. Two variants train for one epoch each: a modern variant and the paper's."""

import json
import os

import pytest
from support.paths import ROOT
from support.pipelines import WITHOUT_MLFLOW, new_repository

pytestmark = pytest.mark.slow

REAL_MIRROR = os.environ.get("MNIST_MIRROR")


@pytest.mark.skipif(not REAL_MIRROR, reason="set MNIST_MIRROR to a folder or base URL with MNIST's four .gz files")
def test_one_epoch_on_mnist_gives_between_0_5_and_4_percent_test_error(tmp_path):
    repository = new_repository(tmp_path / "short study", seeds=[0], epochs=1)
    with repository.params() as params:
        params["data"]["dataset"] = "mnist"
    mirror = REAL_MIRROR if "://" in REAL_MIRROR else str(ROOT / REAL_MIRROR)
    repository.dvc("repro", "evaluate@relu_adam", "evaluate@lenet5_1998", MNIST_MIRROR=mirror, **WITHOUT_MLFLOW)
    for variant in ("relu_adam", "lenet5_1998"):
        metrics = json.loads((repository.path / f"reports/metrics/{variant}.json").read_text())
        assert 0.5 < metrics["test_error_percent"] < 4
