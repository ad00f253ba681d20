import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist.splits import pixel_statistics, save_split, split_path
from lenet.runs.training_data import identify_data, load_training_data


def test_the_loaded_data_is_the_data_of_the_identity(processed, digits, statistics):
    loaded = load_training_data(identify_data())
    np.testing.assert_array_equal(loaded.train.images, digits.images)
    assert loaded.statistics == statistics


def test_the_pixel_statistics_of_a_fold_are_those_of_its_training_images(processed):
    loaded = load_training_data(identify_data((2, 4)))
    assert (len(loaded.train), len(loaded.validation)) == (300, 100)
    assert (loaded.statistics.pixel_mean, loaded.statistics.pixel_sd) == pixel_statistics(loaded.train.images)


@pytest.mark.parametrize("fold", [None, (1, 4)])
def test_loading_data_that_changed_since_it_was_identified_is_an_error(processed, digits, fold):
    identity = identify_data(fold)
    save_split(split_path("train"), digits.selected(np.arange(100)))
    with pytest.raises(LabError, match="data/processed changed while this command ran"):
        load_training_data(identity)
