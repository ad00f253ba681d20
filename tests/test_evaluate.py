import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from support.builders import identity, labels, misread, predictions, seed_result, variant_result, without_validation
from support.paths import ROOT

from lenet.evaluate import look_inside, save_curves, save_metrics, score, summarise
from lenet.evaluation.comparison import compare
from lenet.mnist.splits import Split
from lenet.network import determinism
from lenet.runs.files import Run
from lenet.settings import load_settings
from lenet.training.trained_run import EPOCH_METRICS, TRAIN_METRICS


@pytest.fixture
def run():
    return Run(None, identity(), {name: [2.0, 1.0] for name in EPOCH_METRICS})


@pytest.fixture
def test_split():
    return Split(np.zeros((100, 28, 28), np.uint8), labels(100))


def test_a_run_is_scored_by_what_it_predicts(run, test_split):
    result = score(run, b"weights", predictions(1, 100, wrong=7).probabilities[0], test_split)
    assert result.metrics["test/error_percent"] == 7.0
    assert result.metrics["test/recall_percent/0"] == 90.0
    assert np.sum(result.confusion) == 100
    assert result.weights == hashlib.sha256(b"weights").hexdigest()
    assert list(result.history.items()) == [(name, [2.0, 1.0]) for name in EPOCH_METRICS]


def test_a_run_without_a_validation_score_is_scored_all_the_same(test_split):
    run = Run(None, identity(), {name: [2.0, 1.0] for name in TRAIN_METRICS})
    result = score(run, b"weights", predictions(1, 100, wrong=7).probabilities[0], test_split)
    assert result.metrics["test/error_percent"] == 7.0
    assert result.history == run.history


def test_a_summary_has_mean_and_sd_over_the_seeds_and_the_interval_of_the_test_error():
    errors = (1.0, 2.0, 6.0)
    wrong = misread(errors).wrong(100)
    summary = summarise([seed_result(seed=seed, error=error) for seed, error in enumerate(errors)], wrong)
    assert summary["test/error_percent"] == 3.0
    assert summary["test/error_percent_sd"] == pytest.approx(7**0.5, abs=1e-6)
    assert summary["train/error_percent"] == 1.5
    interval = compare({"variant": wrong}, []).errors["variant"]
    assert summary["test/error_percent_low"] == pytest.approx(interval.low, abs=1e-6)
    assert summary["test/error_percent_high"] == pytest.approx(interval.high, abs=1e-6)


def test_one_seed_has_no_sd_and_no_interval():
    summary = summarise([seed_result()], misread([10.0]).wrong(100))
    assert not [name for name in summary if name.endswith(("_sd", "_low", "_high"))]


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (variant_result(), ["validation_error_percent", "test_error_percent"]),
        (without_validation(variant_result()), ["test_error_percent"]),
    ],
    ids=["with validation", "trained on validation too"],
)
def test_dvc_gets_the_scalars_that_there_are(workspace, result, shown):
    summary = summarise(result.seeds, misread([10.0, 12.0]).wrong(100))
    assert summary["train/error_percent"] == 5.5
    save_metrics("tanh_sgd", summary)
    assert list(json.loads((workspace / "reports/metrics/tanh_sgd.json").read_text())) == shown


def test_curves_are_the_mean_over_the_seeds(workspace):
    save_curves("tanh_sgd", [seed_result(seed=0, error=10.0), seed_result(seed=1, error=20.0)])
    header, *rows = (workspace / "reports/curves/tanh_sgd.csv").read_text().splitlines()
    assert header == "epoch,train/loss,train/error_percent,validation/loss,validation/error_percent"
    assert rows == ["1,1.000000,15.000000,1.250000,30.000000", "2,0.500000,7.500000,0.750000,15.000000"]


def test_curves_without_validation_keep_its_columns_with_nothing_that_dvc_would_draw(workspace):
    save_curves("tanh_sgd", without_validation(variant_result()).seeds)
    header, first, _ = (workspace / "reports/curves/tanh_sgd.csv").read_text().splitlines()
    assert header == "epoch,train/loss,train/error_percent,validation/loss,validation/error_percent"
    assert first == "1,1.000000,11.000000,nan,nan"


@pytest.mark.parametrize(
    ("variant", "c1", "s2", "c3"),
    [("tanh_sgd", 28, 14, 10), ("tanh_sgd_28", 24, 12, 8), ("lenet5_1998", 28, 14, 10)],
)
def test_a_look_inside_shows_filters_and_maps_of_one_digit(variant, c1, s2, c3, statistics, digits):
    determinism.prepare()
    from lenet.network.model import build_model

    recipe = load_settings(ROOT / "params.yaml").variant(variant)
    seen = look_inside(build_model(recipe, statistics), digits.images[0])
    assert {name: array.shape for name, array in seen.items()} == {
        "filters": (5, 5, 6),
        "digit": (28, 28),
        "c1": (c1, c1, 6),
        "s2": (s2, s2, 6),
        "c3": (c3, c3, 16),
    }


def test_missing_models_are_reported_in_one_line_with_what_to_do(workspace):
    from lenet.mnist.splits import Statistics, save_statistics

    save_statistics(Statistics("digits", 0.1, 0, {"train": [1] * 10}, 30.0, 70.0))
    done = subprocess.run(
        [sys.executable, "-m", "lenet.evaluate"],
        env=os.environ | {"DVC_STAGE": "evaluate@tanh_sgd"},
        capture_output=True,
        text=True,
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: models/tanh_sgd/seed-0 cannot be read")
    assert line.endswith("run `dvc repro --force train@tanh_sgd`")
    assert not (workspace / "reports").exists()
