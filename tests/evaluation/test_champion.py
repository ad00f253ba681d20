import math
from dataclasses import replace

from support.builders import variant_result, without_validation

from lenet.evaluation import champion


def names(results):
    return [(result.variant, seed.identity.seed) for result, seed in champion.ranked(results)]


def diverged(result):
    seeds = [replace(s, history=s.history | {"validation/loss": [2.5, math.nan]}) for s in result.seeds]
    return replace(result, seeds=seeds)


def test_the_lowest_validation_error_leads_then_the_lowest_seed_then_the_first_variant():
    results = [variant_result("tanh_sgd", errors=[3.0, 1.0]), variant_result("relu_adam", errors=[3.0, 1.0, 0.5])]
    assert names(results) == [("relu_adam", 2), ("tanh_sgd", 1), ("relu_adam", 1), ("tanh_sgd", 0), ("relu_adam", 0)]


def test_the_test_error_is_not_used():
    result = variant_result("tanh_sgd", errors=[1.0, 2.0])
    better = replace(result.seeds[1], history=result.seeds[1].history | {"validation/error_percent": [9.0, 0.5]})
    assert names([replace(result, seeds=[result.seeds[0], better])]) == [("tanh_sgd", 1), ("tanh_sgd", 0)]


def test_without_a_validation_score_there_is_no_rank():
    result = variant_result("tanh_sgd", errors=[1.0])
    assert names([without_validation(result), diverged(result)]) == []
