import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist.splits import pixel_statistics, save_split, split_path
from lenet.runs.training_data import identify_data, load_training_data


def test_digits_are_loaded_as_they_are_identified(processed, digits, statistics):
    loaded = load_training_data(identify_data())
    np.testing.assert_array_equal(loaded.train.images, digits.images)
    assert loaded.statistics == statistics


def test_a_fold_s_statistics_are_those_of_what_it_trains_on(processed):
    loaded = load_training_data(identify_data((2, 4)))
    assert (len(loaded.train), len(loaded.validation)) == (300, 100)
    assert (loaded.statistics.pixel_mean, loaded.statistics.pixel_sd) == pixel_statistics(loaded.train.images)
    assert loaded.statistics.examples_per_class["validation"] == np.bincount(loaded.validation.labels).tolist()


@pytest.mark.parametrize("fold", [None, (1, 4)])
def test_digits_that_have_changed_are_refused(processed, digits, fold):
    identity = identify_data(fold)
    save_split(split_path("train"), digits.selected(np.arange(100)))
    with pytest.raises(LabError, match="data/processed changed just now"):
        load_training_data(identity)
