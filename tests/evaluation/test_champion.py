import math
from dataclasses import replace

from support.builders import variant_result, without_validation

from lenet.evaluation import champion


def ranked_names(results):
    return [(result.variant, seed.identity.seed) for result, seed in champion.ranked_runs(results)]


def diverged(result):
    seeds = [replace(seed, history=seed.history | {"validation/loss": [2.5, math.nan]}) for seed in result.seeds]
    return replace(result, seeds=seeds)


def test_runs_are_ranked_by_validation_error_then_by_seed_then_by_the_order_of_variants():
    results = [variant_result("tanh_sgd", errors=[3.0, 1.0]), variant_result("relu_adam", errors=[3.0, 1.0, 0.5])]
    assert ranked_names(results) == [
        ("relu_adam", 2),
        ("tanh_sgd", 1),
        ("relu_adam", 1),
        ("tanh_sgd", 0),
        ("relu_adam", 0),
    ]


def test_the_test_error_does_not_affect_the_ranking():
    result = variant_result("tanh_sgd", errors=[1.0, 2.0])
    better = replace(result.seeds[1], history=result.seeds[1].history | {"validation/error_percent": [9.0, 0.5]})
    assert ranked_names([replace(result, seeds=[result.seeds[0], better])]) == [("tanh_sgd", 1), ("tanh_sgd", 0)]


def test_runs_without_a_finite_validation_score_are_not_ranked():
    result = variant_result("tanh_sgd", errors=[1.0])
    assert ranked_names([without_validation(result), diverged(result)]) == []
