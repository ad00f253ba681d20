"""Compare the statistics of a sweep with cases worked out by hand."""

import numpy as np
import pytest

from lenet.evaluation.trials import ERROR, LOSS, Trial, effects, measure, table


def probabilities(*of_class_0):
    """Return one seed's outputs, float32 (1, n, 10).

    of_class_0: each image's probability of class 0. Class 1 has the rest of the probability.
    """
    outputs = np.zeros((1, len(of_class_0), 10), np.float32)
    outputs[0, :, 0], outputs[0, :, 1] = of_class_0, 1 - np.array(of_class_0)
    return outputs


ZEROS = np.zeros(2, np.uint8)


def test_the_images_of_all_folds_are_joined_in_a_row():
    trial = measure([probabilities(0.9, 0.2), probabilities(0.6, 0.7)], [ZEROS, ZEROS])
    assert trial.wrong.tolist() == [[0, 1, 0, 0]]
    np.testing.assert_allclose(trial.losses, -np.log([[0.9, 0.2, 0.6, 0.7]]), rtol=1e-6)


def test_recipes_are_compared_with_the_first_recipe_image_by_image():
    first = Trial(np.zeros((1, 4)), np.array([[1.0, 2.0, 3.0, 4.0]]))
    second = Trial(np.array([[0, 0, 0, 1.0]]), np.array([[1.5, 2.0, 3.5, 4.0]]))
    rows = table({"a": first, "b": second})
    assert rows.loc["a", f"{LOSS}_difference"] == rows.loc["a", f"{LOSS}_difference_se"] == 0
    assert rows.loc["b", f"{LOSS}_difference"] == pytest.approx(0.25)
    # Differences of the images: 1/2, 0, 1/2, 0. Their variance is 1/12, that of their mean (1/12) / 4 = 1/48. Without
    # pairing it would be 37 times as large.
    assert rows.loc["b", f"{LOSS}_difference_se"] == pytest.approx((1 / 48) ** 0.5)
    assert rows.loc["b", ERROR] == pytest.approx(25)


def test_the_standard_error_includes_the_variance_between_seeds():
    equal_seeds = Trial(np.zeros((2, 3)), np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    different_seeds = Trial(np.zeros((2, 3)), np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]))
    rows = table({"equal_seeds": equal_seeds, "different_seeds": different_seeds})
    # In both, the images' means are 1, 2, 3, and the variance of their mean is 1/3. Seeds with means 1 and 3 add 2/2.
    assert rows.loc["equal_seeds", f"{LOSS}_se"] == pytest.approx((1 / 3) ** 0.5)
    assert rows.loc["different_seeds", f"{LOSS}_se"] == pytest.approx((1 / 3 + 1) ** 0.5)


def test_a_recipe_that_diverged_does_not_affect_the_other_recipes():
    good = Trial(np.zeros((1, 4)), np.array([[1.0, 2.0, 3.0, 4.0]]))
    rows = table({"a": good, "b": Trial(np.ones((1, 4)), np.full((1, 4), np.nan)), "c": good})
    assert np.isnan(rows.loc["b", LOSS])
    assert rows.loc["c", [LOSS, f"{LOSS}_difference"]].tolist() == [2.5, 0]


def test_effects_of_a_2x2_are_each_change_alone_each_with_the_other_both_and_the_interaction():
    generator = np.random.default_rng(0)
    errors = {"neither": 0.10, "first": 0.12, "second": 0.09, "both": 0.03}
    trials = {name: Trial(generator.random((6, 2000)) < share, np.zeros((6, 2000))) for name, share in errors.items()}
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
