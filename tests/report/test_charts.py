"""The charts contain the study's numbers. test_page_in_a_browser.py checks how a browser draws them."""

import json

import pytest
from support.builders import LADDER, study, without_validation

from lenet.report import charts


def tables(chart):
    """Return the tables in the chart's data. Each table is a list of rows."""
    return list(json.loads(chart)["datasets"].values())


def rows_with(chart, *columns):
    """Return the rows of the one table that has these columns."""
    (rows,) = [table for table in tables(chart) if table and set(columns) <= set(table[0])]
    return rows


def test_the_ladder_shows_the_error_of_every_seed_and_the_difference_of_every_step():
    ladder_study = study(LADDER)
    chart = charts.ladder(ladder_study)
    assert [row["error"] for row in rows_with(chart, "seed")] == [
        error for errors in LADDER.values() for error in errors
    ]
    steps = rows_with(chart, "worth")
    assert [(row["variant"], row["worth"]) for row in steps] == [
        ("relu_adam", "no detectable difference"),
        ("modern", "better"),
    ]
    step = ladder_study.comparison.differences["modern", "relu_adam"]
    assert [steps[1][name] for name in ("value", "low", "high")] == pytest.approx(
        [step.value, step.low, step.high], abs=1e-4
    )


def test_the_interval_of_one_seed_has_no_width():
    (step,) = rows_with(charts.ladder(study({"tanh_sgd": [3.0], "modern": [2.0]})), "worth")
    assert (step["value"], step["low"], step["high"], step["shown"]) == (-1, -1, -1, "one seed")


def test_learning_curves_show_the_mean_best_and_worst_error_per_epoch():
    rows = rows_with(charts.learning_curves(study({"tanh_sgd": [10.0, 20.0]}), ["tanh_sgd"]), "epoch")
    assert [row for row in rows if row["split"] == "validation"] == [
        {"variant": "tanh_sgd", "split": "validation", "epoch": 1, "mean": 30, "best": 20, "worst": 40},
        {"variant": "tanh_sgd", "split": "validation", "epoch": 2, "mean": 15, "best": 10, "worst": 20},
    ]


def test_losses_are_shown_like_errors_and_only_of_the_given_variants():
    rows = rows_with(charts.losses(study(LADDER), ["modern"]), "epoch")
    assert rows[-1] == {
        "variant": "modern",
        "split": "validation",
        "epoch": 2,
        "mean": 0.75,
        "best": 0.75,
        "worst": 0.75,
    }
    assert {row["variant"] for row in rows} == {"modern"}


def test_a_variant_without_validation_error_has_only_a_training_curve():
    unvalidated = study({"tanh_sgd": [10.0, 20.0]})
    unvalidated.results["tanh_sgd"] = without_validation(unvalidated.results["tanh_sgd"])
    assert {row["split"] for row in rows_with(charts.learning_curves(unvalidated, ["tanh_sgd"]), "epoch")} == {
        "training"
    }


def test_confusions_show_mistakes_in_percent_of_the_actual_class():
    rows = rows_with(charts.confusions(study({"tanh_sgd": [1.0, 1.0]}), ["tanh_sgd"]), "count")
    # Each of the two networks takes one of the ten zeros for a one.
    assert rows == [{"variant": "tanh_sgd", "actual": 0, "taken for": 1, "count": 2, "percent": 10}]


def test_the_confusion_of_networks_without_mistakes_can_be_drawn():
    assert charts.confusions(study({"tanh_sgd": [0.0]}), ["tanh_sgd"])
