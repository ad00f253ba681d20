import json

import pytest
from support.builders import misread, seed_result, variant_result, without_validation

from lenet.evaluation.comparison import compare
from lenet.evaluation.summary import save_curves, save_metrics, summarise


def test_a_summary_has_means_and_standard_deviations_over_seeds_and_the_test_errors_interval():
    errors = (1.0, 2.0, 6.0)
    wrong = misread(errors).wrong(100)
    summary = summarise([seed_result(seed=seed, error=error) for seed, error in enumerate(errors)], wrong)
    assert summary["test/error_percent"] == 3.0
    assert summary["test/error_percent_sd"] == pytest.approx(7**0.5, abs=1e-6)
    assert summary["train/error_percent"] == 1.5
    interval = compare({"variant": wrong}, []).errors["variant"]
    assert summary["test/error_percent_low"] == pytest.approx(interval.low, abs=1e-6)
    assert summary["test/error_percent_high"] == pytest.approx(interval.high, abs=1e-6)


def test_a_summary_of_one_seed_has_no_standard_deviation_and_no_interval():
    summary = summarise([seed_result()], misread([10.0]).wrong(100))
    assert not [name for name in summary if name.endswith(("_sd", "_low", "_high"))]


@pytest.mark.parametrize(
    ("result", "expected_names"),
    [
        (variant_result(), ["validation_error_percent", "test_error_percent"]),
        (without_validation(variant_result()), ["test_error_percent"]),
    ],
    ids=["with validation", "trained on validation too"],
)
def test_the_metrics_file_for_dvc_has_the_headline_errors_that_exist(workspace, result, expected_names):
    summary = summarise(result.seeds, misread([10.0, 12.0]).wrong(100))
    assert summary["train/error_percent"] == 5.5
    save_metrics("tanh_sgd", summary)
    assert list(json.loads((workspace / "reports/metrics/tanh_sgd.json").read_text())) == expected_names


def test_curves_are_means_over_the_seeds(workspace):
    save_curves("tanh_sgd", [seed_result(seed=0, error=10.0), seed_result(seed=1, error=20.0)])
    header, *rows = (workspace / "reports/curves/tanh_sgd.csv").read_text().splitlines()
    assert header == "epoch,train/loss,train/error_percent,validation/loss,validation/error_percent"
    assert rows == ["1,1.000000,15.000000,1.250000,30.000000", "2,0.500000,7.500000,0.750000,15.000000"]


def test_without_validation_the_validation_columns_of_the_curves_are_nan(workspace):
    save_curves("tanh_sgd", without_validation(variant_result()).seeds)
    header, first, _ = (workspace / "reports/curves/tanh_sgd.csv").read_text().splitlines()
    assert header == "epoch,train/loss,train/error_percent,validation/loss,validation/error_percent"
    assert first == "1,1.000000,11.000000,nan,nan"
