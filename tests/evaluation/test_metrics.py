"""Compare the metrics with values worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support import builders

from lenet import evaluate
from lenet.evaluation import metrics
from lenet.evaluation.metrics import METRICS, Metric
from lenet.evaluation.summary import summarise
from lenet.mnist.splits import Split
from lenet.report import tables
from lenet.runs.files import SavedRun
from lenet.tracking import pages
from lenet.training.trained_run import EPOCH_METRICS


def rows(*images):
    """Return probabilities, float32 (n, 10).

    images: for each image {class: probability}. Classes that are left out have probability 0.
    """
    array = np.zeros((len(images), 10), np.float32)
    for row, probabilities in zip(array, images, strict=True):
        for label, probability in probabilities.items():
            row[label] = probability
    return array


def labels(*classes):
    return np.array(classes, np.uint8)


def certain(*classes):
    return rows(*({label: 1.0} for label in classes))


def test_confusion_counts_have_actual_classes_in_rows_and_predicted_classes_in_columns():
    expected = np.zeros((10, 10), int)
    expected[0, 0] = expected[1, 1] = expected[9, 9] = 1
    expected[1, 7] = 2
    counts = metrics.confusion(certain(0, 1, 7, 7, 9), labels(0, 1, 1, 1, 9))
    assert np.issubdtype(counts.dtype, np.integer)
    np.testing.assert_array_equal(counts, expected)


def test_the_error_is_the_share_of_misread_images_in_percent():
    assert metrics.error_percent(certain(0, 1, 2, 4), labels(0, 1, 2, 3)) == 25.0


def test_cross_entropy_is_the_mean_negative_log_of_the_probability_of_the_actual_class():
    probabilities = rows({3: 0.5, 0: 0.5}, {7: 0.25, 8: 0.75})
    # (ln 2 + ln 4) / 2 = 1.5 ln 2
    assert metrics.cross_entropy(probabilities, labels(3, 7)) == pytest.approx(1.5 * math.log(2), rel=1e-12)


def test_cross_entropy_stays_finite_if_the_actual_class_has_probability_0():
    assert metrics.cross_entropy(certain(0), labels(1)) == pytest.approx(7 * math.log(10), rel=1e-12)


def test_sums_are_taken_in_double_precision():
    # With 10,000 equal terms of ln 2, a sum in float32 would already be wrong in the seventh significant figure.
    n = 10_000
    probabilities = np.zeros((n, 10), np.float32)
    probabilities[:, :2] = 0.5
    assert metrics.cross_entropy(probabilities, np.zeros(n, np.uint8)) == pytest.approx(math.log(2), rel=1e-12)


def test_recall_is_the_share_of_each_class_that_is_read_correctly():
    counts = np.diag([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    counts[0, 9] = 3  # 1 of 4
    counts[4, 0] = 5  # 5 of 10
    expected = [25.0, 100.0, 100.0, 100.0, 50.0, 100.0, 100.0, 100.0, 100.0, 100.0]
    np.testing.assert_array_equal(metrics.recall_percent(counts), expected)


def test_the_calibration_error_equals_one_worked_out_by_hand():
    # Four bins with their upper edges: (0, ¼], (¼, ½], (½, ¾], (¾, 1]. A gap is 1 (correct) or 0, minus the confidence.
    probabilities = rows(
        {0: 0.75, 1: 0.25},  # right: third bin, on its edge, +0.25
        {0: 0.625, 1: 0.375},  # wrong: third bin, −0.625
        {0: 0.5, 1: 0.25, 2: 0.25},  # right: second bin, on its edge, +0.5
        {0: 0.375, 1: 0.3125, 2: 0.3125},  # right: second bin, +0.625
        {0: 1.0},  # right: fourth bin, on its edge, 0
    )
    # (|0.25 − 0.625| + |0.5 + 0.625| + 0) / 5 = 1.5 / 5
    error = metrics.calibration_error_percent(probabilities, labels(0, 1, 0, 0, 0), bins=4)
    assert error == pytest.approx(30.0, rel=1e-12)


@pytest.mark.parametrize(
    ("confidences", "gaps"),
    [
        ((0.52, 0.54), 0.48 + 0.54),  # on either side of 8/15; in bins of width 1/10 or 1/20 the gaps would cancel out
        ((0.55, 0.59), 0.59 - 0.45),  # both between 8/15 and 9/15; in bins of width 1/30 the gaps would add up
    ],
)
def test_the_calibration_error_has_fifteen_bins_by_default(confidences, gaps):
    probabilities = rows(*({0: confidence, 1: 1 - confidence} for confidence in confidences))
    # The first image is read correctly, the second is misread.
    error = metrics.calibration_error_percent(probabilities, labels(0, 1))
    assert error == pytest.approx(100 * gaps / 2, rel=1e-5)


def test_the_standard_deviation_is_that_of_a_sample_and_one_value_has_none():
    # Deviations −1, 0, 1; variance (1 + 0 + 1) / (3 − 1).
    assert metrics.mean_and_sd([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert metrics.mean_and_sd([4.5]) == (4.5, None)


def test_names_and_columns_of_metrics_are_unique():
    for texts in ([metric.name for metric in METRICS], [metric.column for metric in METRICS]):
        assert all(texts)
        assert len(set(texts)) == len(texts)


def test_one_entry_in_the_table_is_enough_to_measure_summarise_tabulate_and_describe_a_new_metric(monkeypatch):
    brier = Metric(
        "test/brier",
        meaning="mean squared distance of the probabilities to the truth",
        measure=lambda probabilities, labels: float(((probabilities - np.eye(10)[labels]) ** 2).sum(axis=1).mean()),
        statistics=("mean",),
        column="brier",
    )
    for module in (metrics, tables, pages):
        monkeypatch.setattr(module, "METRICS", (*METRICS, brier))
    test = Split(np.zeros((100, 28, 28), np.uint8), builders.labels())
    run = SavedRun(None, builders.identity(), {name: [2.0, 1.0] for name in EPOCH_METRICS})
    result = evaluate.score(run, b"", builders.predictions(1, 100, wrong=0).probabilities[0], test)
    assert result.metrics["test/brier"] == pytest.approx(0.09**2 + 9 * 0.01**2, abs=1e-6)
    study = builders.study({"tanh_sgd": [10.0]})
    summary = study.results["tanh_sgd"].summary | summarise([result], builders.misread([0.0]).wrong(100))
    study = replace(study, results={"tanh_sgd": replace(study.results["tanh_sgd"], summary=summary)})
    assert tables.comparison_table(study)["brier_mean"].tolist() == ["0.0090"]
    assert "| `test/brier` | mean squared distance" in pages.study_experiment("mnist").description
