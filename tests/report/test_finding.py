"""The finding in words."""

import re

import pytest
from support.builders import LADDER, settings, study, two_by_two

from lenet.evaluation.comparison import Estimate
from lenet.report import finding
from lenet.report.sweep_results import Effects, SweepResult
from lenet.settings import Variant

CHANGES = {"relu": {"activation": "relu", "optimizer": "adam"}}


def sentences(reported, monkeypatch, *sweeps):
    monkeypatch.setattr(finding, "load_sweep_results", lambda settings: list(sweeps))
    return finding.sentences(reported)


def test_the_first_sentence_counts_images(monkeypatch):
    first, second, *_ = sentences(two_by_two(primary=["d", "a"]), monkeypatch)
    assert first.startswith(
        "Of 100 test images, `d` with ReLU and Adam misreads 19 fewer than `a` with tanh and SGD (95 % "
    )
    assert first.endswith("Other differences have widened intervals, because they are many.")
    assert second == "ReLU alone and Adam alone make no detectable difference."


def test_the_second_sentence_says_what_each_change_does_alone(monkeypatch):
    errors = {"a": [60.0, 61.0], "b": [30.0, 31.0], "c": [60.0, 62.0], "d": [10.0, 11.0]}
    _, second, *_ = sentences(two_by_two(errors, primary=["d", "a"]), monkeypatch)
    assert re.fullmatch(r"Each alone: ReLU 30 fewer \(\d+ to \d+\); Adam no detectable difference\.", second)


def test_fewer_errors_with_a_larger_loss_are_explained():
    reported = study({"tanh_sgd": [10.0, 12.0], "relu": [2.0, 3.0]}, primary=["relu", "tanh_sgd"])
    assert finding.loss_against_error(reported) == ""  # both losses are equal
    reported.results["relu"].summary["test/loss"] = 0.5
    assert finding.loss_against_error(reported) == (
        "relu misreads fewer test images than tanh_sgd (2.50 and 11.00 %), but its test loss is larger "
        "(0.500 and 0.250): the loss also counts how sure the answers are."
    )
    undetected = study(LADDER, primary=["relu_adam", "tanh_sgd"])
    undetected.results["relu_adam"].summary["test/loss"] = 0.5
    assert finding.loss_against_error(undetected) == ""


def test_the_terminal_answers_for_the_variants_asked_for_or_the_primary_comparison():
    reported = study(
        {"tanh_sgd": [10.0, 12.0], "relu": [9.0, 12.0], "modern": [3.0, 4.0]}, primary=["relu", "tanh_sgd"]
    )
    (primary,) = finding.answers(reported, [])
    assert finding.answers(reported, ["relu", "tanh_sgd"]) == [primary]
    relu, modern = finding.answers(reported, ["tanh_sgd", "relu", "modern"])
    assert relu == "Between `relu` and `tanh_sgd`, there is no detectable difference."
    assert re.fullmatch(
        r"Of 100 test images, `modern` misreads 8 fewer than `tanh_sgd` \(95 % interval: \d to \d+\)\.", modern
    )
    one_seed = study({"tanh_sgd": [10.0], "modern": [3.0]})
    assert finding.answers(one_seed, []) == finding.answers(one_seed, ["modern"])
    assert finding.answers(one_seed, ["modern"]) == ["Of 100 test images, `modern` misreads 7 fewer than `tanh_sgd`."]


def test_without_a_detectable_difference_it_says_so(monkeypatch):
    errors = {"tanh_sgd": [3.0, 9.0], "relu": [2.0, 9.0]}
    (sentence,) = sentences(study(errors, changes=CHANGES, primary=["relu", "tanh_sgd"]), monkeypatch)
    assert sentence == (
        "Between `relu` with ReLU and Adam and `tanh_sgd` with tanh and SGD, there is no detectable difference."
    )


def test_with_one_seed_no_interval_is_given(monkeypatch):
    errors = {"tanh_sgd": [5.0], "relu": [2.0]}
    (sentence,) = sentences(study(errors, changes=CHANGES, primary=["relu", "tanh_sgd"]), monkeypatch)
    assert sentence == (
        "Of 100 test images, `relu` with ReLU and Adam misreads 3 fewer than `tanh_sgd` with tanh and SGD."
    )


@pytest.mark.parametrize(
    ("estimates", "answer"),
    [
        (
            [Estimate(0.1, -0.1, 0.3)] * 2,
            "make no detectable difference; ReLU with SGD raises the error ([numbers](sweeps/rates/effects.csv)).",
        ),
        ([Estimate(-0.5, -0.6, -0.4)] * 2, "lower the error by 0.50 points; ReLU with SGD raises the error ("),
        (
            [Estimate(0.1, -0.1, 0.3), Estimate(0.5, 0.4, 0.6)],
            "make no detectable difference with `schedule=constant`; raise the error by 0.50 points with "
            "`schedule=cosine`",
        ),
    ],
)
def test_a_sweep_answers_its_question(monkeypatch, estimates, answer):
    effects, recipes = [], {}
    for estimate, schedule in zip(estimates, ("constant", "cosine"), strict=True):
        of_factorial = {
            f"activation={activation} optimizer={optimizer} schedule={schedule}": Variant.model_validate(
                settings(activation=activation, optimizer=optimizer, schedule=schedule)
            )
            for optimizer in ("sgd", "adam")
            for activation in ("tanh", "relu")
        }
        neither, first, second, both = of_factorial
        differences = {
            (both, neither): estimate,
            (first, neither): Estimate(1.0, 0.5, 1.5),
            (second, neither): Estimate(0.0, -0.5, 0.5),
        }
        effects.append(Effects(tuple(of_factorial), differences, Estimate(0.0, -1.0, 1.0)))
        recipes |= of_factorial
    sweep = SweepResult("rates", "digits", "Which?", recipes, b"", effects)
    (sentence,) = sentences(study({"tanh_sgd": [1.0, 2.0]}), monkeypatch, sweep)
    assert sentence.startswith(f"Which? On validation images, both changes together {answer}")


def test_detected_steps_of_the_ladder_are_ranked(monkeypatch):
    errors = {"a": [60.0, 61.0], "b": [40.0, 41.0], "c": [5.0, 6.0], "d": [5.0, 7.0]}
    changes = {"b": {"activation": "relu"}, "c": {"activation": "relu", "rotation": 0.1}, "d": {"activation": "silu"}}
    (sentence,) = sentences(study(errors, changes=changes), monkeypatch)
    assert sentence.startswith(
        "Of the 3 steps from `a` to `d`, 2 detectably lower the error: distorted images (35 fewer, "
    )
    assert " and ReLU (20 fewer, " in sentence


@pytest.mark.parametrize(
    ("published", "verdict"), [(2.0, "the published figure agrees"), (9.0, "chance does not explain")]
)
def test_a_published_error_is_compared_with_one_more_run(monkeypatch, published, verdict):
    compared = study({"paper": [1.0, 2.0, 3.0]}, published={"paper": published}, dataset="mnist")
    (sentence,) = sentences(compared, monkeypatch)
    assert sentence.startswith(
        f"`paper` misreads 2 on average; the paper published {published:.0f}. On the same test images, "
    )
    assert verdict in sentence


def test_the_network_of_1998_is_compared_with_todays_first(monkeypatch):
    compared = study({"a": [30.0, 31.0], "paper": [20.0, 21.0], "top": [1.0, 2.0]}, published={"paper": 20.0})
    first, *_ = sentences(compared, monkeypatch)
    assert re.fullmatch(
        r"Of 100 test images, `paper` misreads 20 and `top` 2: 19 fewer \(95 % interval: \d+ to \d+\)\.", first
    )


def test_changes_are_compared_with_another_data_set(monkeypatch, clothes):
    *_, sentence = sentences(two_by_two(primary=["d", "a"], dataset="mnist"), monkeypatch, clothes)
    assert sentence == (
        "On Fashion-MNIST, in points of validation error (MNIST: of test error): ReLU and Adam +4.00 "
        "(MNIST −19.00), detectably less ([numbers](sweeps/clothes/effects.csv))."
    )
