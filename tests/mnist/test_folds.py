import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist.folds import divide
from lenet.mnist.splits import Split


def split(first, count):
    """Digits that are known by their pixels; all ten classes in turn."""
    numbers = np.arange(first, first + count)
    images = np.broadcast_to(numbers[:, None, None], (count, 28, 28)).astype(np.uint8)
    return Split(np.ascontiguousarray(images), (numbers % 10).astype(np.uint8))


TRAIN, VALIDATION = split(0, 160), split(160, 40)


def seen(digits):
    return digits.images[:, 0, 0].tolist()


def test_each_digit_is_held_out_once_and_trained_on_otherwise():
    folds = [divide(TRAIN, VALIDATION, number, 4, seed=0) for number in range(1, 5)]
    assert sorted(digit for _, held_out in folds for digit in seen(held_out)) == list(range(200))
    for train, held_out in folds:
        assert sorted(seen(train) + seen(held_out)) == list(range(200))


def test_folds_have_all_classes_in_equal_parts():
    _, held_out = divide(TRAIN, VALIDATION, 2, 4, seed=0)
    assert np.bincount(held_out.labels).tolist() == [5] * 10


def test_a_fold_follows_from_the_seed():
    first, again, other = (divide(TRAIN, VALIDATION, 1, 4, seed)[1] for seed in (0, 0, 1))
    assert seen(first) == seen(again) != seen(other)


def test_more_folds_than_digits_of_a_class_are_refused():
    with pytest.raises(LabError, match=r"^folds: 21 do not suit a data set of which a class has 20 digits: take fewer"):
        divide(TRAIN, VALIDATION, 1, 21, seed=0)
