import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist.folds import divide
from lenet.mnist.splits import Split

# Digits that are known by their pixels; all ten classes in turn.
NUMBERS = np.arange(200, dtype=np.uint8)
DIGITS = Split(np.repeat(NUMBERS, 28 * 28).reshape(200, 28, 28), NUMBERS % 10)
TRAIN, VALIDATION = DIGITS.selected(NUMBERS[:160]), DIGITS.selected(NUMBERS[160:])


def numbers_of(digits):
    return digits.images[:, 0, 0].tolist()


def test_each_digit_is_held_out_once_and_trained_on_otherwise_and_folds_have_equal_parts_of_all_classes():
    folds = [divide(TRAIN, VALIDATION, number, 4, seed=0) for number in range(1, 5)]
    assert sorted(digit for _, held_out in folds for digit in numbers_of(held_out)) == NUMBERS.tolist()
    for train, held_out in folds:
        assert sorted(numbers_of(train) + numbers_of(held_out)) == NUMBERS.tolist()
        assert np.bincount(held_out.labels).tolist() == [5] * 10


def test_a_fold_follows_from_the_seed():
    first, again, other = (divide(TRAIN, VALIDATION, 1, 4, seed)[1] for seed in (0, 0, 1))
    assert numbers_of(first) == numbers_of(again) != numbers_of(other)


def test_more_folds_than_digits_of_a_class_are_refused():
    with pytest.raises(LabError, match=r"^folds: 21 do not suit a data set of which a class has 20 digits: take fewer"):
        divide(TRAIN, VALIDATION, 1, 21, seed=0)
