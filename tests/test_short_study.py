"""The real pipeline on the real MNIST, cut short: one variant of today and that of the paper, one epoch each."""

import json

import pytest
from support.mirrors import REAL_MIRROR
from support.paths import ROOT
from support.pipelines import new_repository

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not REAL_MIRROR, reason="set MNIST_MIRROR to a folder or base URL with MNIST's four .gz files")
def test_one_epoch_on_mnist_leaves_between_half_a_percent_and_four_percent_errors(tmp_path):
    here = new_repository(tmp_path / "short study", seeds=[0], epochs=1)
    with here.params() as params:
        params["data"]["dataset"] = "mnist"
    mirror = REAL_MIRROR if "://" in REAL_MIRROR else str(ROOT / REAL_MIRROR)
    here.dvc("repro", "evaluate@relu_adam", "evaluate@lenet5_1998", MNIST_MIRROR=mirror)
    for variant in ("relu_adam", "lenet5_1998"):
        measured = json.loads((here.path / f"reports/metrics/{variant}.json").read_text())
        assert 0.5 < measured["test_error_percent"] < 4
