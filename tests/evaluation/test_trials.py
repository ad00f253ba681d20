"""The statistics of a sweep, against cases worked by hand."""

import numpy as np
import pytest

from lenet.evaluation.trials import ERROR, LOSS, Trial, effects, measure, table


def probabilities(*given):
    """float32 (1, n, 10): digits of class 0, with that probability for it and the rest for class 1."""
    outputs = np.zeros((1, len(given), 10), np.float32)
    outputs[0, :, 0], outputs[0, :, 1] = given, 1 - np.array(given)
    return outputs


ZEROS = np.zeros(2, np.uint8)


def test_folds_are_measured_end_to_end():
    trial = measure([probabilities(0.9, 0.2), probabilities(0.6, 0.7)], [ZEROS, ZEROS])
    assert trial.wrong.tolist() == [[0, 1, 0, 0]]
    np.testing.assert_allclose(trial.losses, -np.log([[0.9, 0.2, 0.6, 0.7]]), rtol=1e-6)


def test_differences_are_from_the_first_recipe_and_paired_by_digit():
    first = Trial(np.zeros((1, 4)), np.array([[1.0, 2.0, 3.0, 4.0]]))
    second = Trial(np.array([[0, 0, 0, 1.0]]), np.array([[1.5, 2.0, 3.5, 4.0]]))
    rows = table({"a": first, "b": second})
    assert rows.loc["a", f"{LOSS}_difference"] == rows.loc["a", f"{LOSS}_difference_se"] == 0
    assert rows.loc["b", f"{LOSS}_difference"] == pytest.approx(0.25)
    # Differences 1/2, 0, 1/2, 0: their variance is 1/12, over four digits 1/48. Unpaired it would be 20 times that.
    assert rows.loc["b", f"{LOSS}_difference_se"] == pytest.approx((1 / 48) ** 0.5)
    assert rows.loc["b", ERROR] == pytest.approx(25)


def test_several_seeds_add_what_is_chance_between_them():
    alike = Trial(np.zeros((2, 3)), np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    apart = Trial(np.zeros((2, 3)), np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]))
    rows = table({"alike": alike, "apart": apart})
    # Over digits 1, 2, 3 both have a variance of 1/3; seeds of 1 and 3 add 2/2.
    assert rows.loc["alike", f"{LOSS}_se"] == pytest.approx((1 / 3) ** 0.5)
    assert rows.loc["apart", f"{LOSS}_se"] == pytest.approx((1 / 3 + 1) ** 0.5)


def test_a_recipe_that_diverged_spoils_no_other():
    good = Trial(np.zeros((1, 4)), np.array([[1.0, 2.0, 3.0, 4.0]]))
    rows = table({"a": good, "b": Trial(np.ones((1, 4)), np.full((1, 4), np.nan)), "c": good})
    assert np.isnan(rows.loc["b", LOSS])
    assert rows.loc["c", [LOSS, f"{LOSS}_difference"]].tolist() == [2.5, 0]


def test_a_2x2_gives_each_change_alone_and_with_the_other_both_and_the_interaction():
    chance = np.random.default_rng(0)
    errors = {"neither": 0.10, "first": 0.12, "second": 0.09, "both": 0.03}
    trials = {name: Trial(chance.random((6, 2000)) < share, np.zeros((6, 2000))) for name, share in errors.items()}
    percent = {name: 100 * trial.wrong.mean() for name, trial in trials.items()}
    rows = effects(trials, list(errors))
    assert [(row.kind, row.of, row.against) for row in rows.itertuples()] == [
        ("difference", "first", "neither"),
        ("difference", "both", "second"),
        ("difference", "second", "neither"),
        ("difference", "both", "first"),
        ("difference", "both", "neither"),
        ("interaction", "both", "neither"),
    ]
    assert rows["points"][1] == pytest.approx(percent["both"] - percent["second"])
    assert rows["points"][5] == pytest.approx(
        percent["both"] - percent["second"] - percent["first"] + percent["neither"]
    )
    assert (rows["points_low"] < rows["points"]).all()
    assert (rows["points"] < rows["points_high"]).all()
