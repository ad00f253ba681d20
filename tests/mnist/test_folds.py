import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist.folds import divide
from lenet.mnist.splits import Split

# 200 images. All pixels of image k have the value k, by which the tests recognise it, and its class is k % 10.
NUMBERS = np.arange(200, dtype=np.uint8)
ALL_IMAGES = Split(np.repeat(NUMBERS, 28 * 28).reshape(200, 28, 28), NUMBERS % 10)
TRAIN, VALIDATION = ALL_IMAGES.selected(NUMBERS[:160]), ALL_IMAGES.selected(NUMBERS[160:])


def numbers_of(split):
    return split.images[:, 0, 0].tolist()


def test_each_image_is_held_out_in_one_fold_and_each_fold_holds_out_equally_many_images_of_each_class():
    folds = [divide(TRAIN, VALIDATION, number, 4, seed=0) for number in range(1, 5)]
    assert sorted(number for _, held_out in folds for number in numbers_of(held_out)) == NUMBERS.tolist()
    for train, held_out in folds:
        assert sorted(numbers_of(train) + numbers_of(held_out)) == NUMBERS.tolist()
        assert np.bincount(held_out.labels).tolist() == [5] * 10


def test_equal_seeds_give_equal_folds_and_another_seed_gives_other_folds():
    first, again, other = (divide(TRAIN, VALIDATION, 1, 4, seed)[1] for seed in (0, 0, 1))
    assert numbers_of(first) == numbers_of(again) != numbers_of(other)


def test_more_folds_than_images_of_a_class_are_refused():
    with pytest.raises(
        LabError, match=r"^folds: 21: too many, because the rarest class has only 20 images: choose fewer$"
    ):
        divide(TRAIN, VALIDATION, 1, 21, seed=0)
