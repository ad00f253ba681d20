"""The alignment, against lists that are drawn from its own model."""

import itertools

import numpy as np
import pytest

from lenet.evaluation.figure_8 import ENTRIES, chances, log_likelihood, odds, permutation_test, posteriors


def test_the_figure_has_82_digits_that_are_answered_wrongly():
    assert len(ENTRIES) == 82
    assert all(actual != answer for actual, answer in ENTRIES)


def test_chances_are_what_our_networks_answer_and_a_little_more():
    labels = np.array([3, 3, 5])
    answers = np.array([[8, 3, 5], [8, 3, 5], [5, 3, 5], [3, 3, 5]])
    chance = chances(answers, labels)
    # Of eight answers to threes two are 8 and one is 5.
    assert chance[0, 8] == pytest.approx((2 + 0.5 * 2 / 8) / 4.5)
    assert chance[1, 8] == pytest.approx((0 + 0.5 * 2 / 8) / 4.5)
    assert chance[2].sum() == 0
    assert not chance[[0, 1, 2], labels].any()


def test_posteriors_are_those_of_all_alignments_counted_one_by_one():
    generator = np.random.default_rng(0)
    labels = np.array([1, 2, 1, 2, 1])
    chance = 0.05 * generator.random((5, 10))
    chance[np.arange(5), labels] = 0
    entries = [(1, 7), (2, 8), (1, 9)]
    weights, sums = 0.0, np.zeros((3, 5))
    for places in itertools.product([None, *range(5)], repeat=3):
        chosen = [place for place in places if place is not None]
        if chosen != sorted(set(chosen)):
            continue
        weight = 1.0
        for place, (actual, answer) in zip(places, entries, strict=True):
            if place is None:
                weight *= 0.02
            else:
                misread = chance[place, answer] / (1 - chance[place].sum())
                weight *= 0.98 * misread * (labels[place] == actual)
        weights += weight
        for k, place in enumerate(places):
            if place is not None:
                sums[k, place] += weight
    np.testing.assert_allclose(posteriors(odds(chance, labels, entries)), sums / weights, rtol=1e-9, atol=1e-15)
    assert log_likelihood(odds(chance, labels, entries)) == pytest.approx(np.log(weights))


def world(seed=0):
    """1,000 digits, six networks that misread some, and what a seventh misreads in order."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, 1000)
    hard = generator.random(1000) < 0.06
    wrong = (labels + generator.integers(1, 10, 1000)) % 10
    answers = np.where(hard & (generator.random((7, 1000)) < 0.6), wrong, labels)
    misread = np.flatnonzero(answers[6] != labels)
    return labels, answers[:6], misread, [(int(labels[d]), int(answers[6, d])) for d in misread]


def test_misread_digits_of_another_network_are_found_again():
    labels, answers, misread, entries = world()
    found = posteriors(odds(chances(answers, labels), labels, entries))
    assert (found.argmax(axis=1) == misread).mean() > 0.9
    sure = found.max(axis=1) > 0.9
    assert sure.mean() > 0.6
    assert (found.argmax(axis=1) == misread)[sure].all()


def test_an_order_that_is_none_of_the_test_set_s_is_less_likely():
    labels, answers, _, entries = world()
    chance = chances(answers, labels)
    shuffled = [entries[place] for place in np.random.default_rng(1).permutation(len(entries))]
    assert log_likelihood(odds(chance, labels, entries)) > log_likelihood(odds(chance, labels, shuffled)) + 20


def test_shuffles_follow_from_their_seed():
    labels, answers, _, _ = world()
    found = odds(chances(answers, labels), labels)
    first, again = permutation_test(found, 3), permutation_test(found, 3)
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])
