"""The distorted digits that the report shows are those that training sees."""

import numpy as np
from support.paths import ROOT

from lenet.report.from_data import distorted_copies
from lenet.settings import load_settings
from lenet.training import distortion


def test_distorted_copies_are_of_one_training_digit_per_class_and_differ_between_epochs(digits):
    base = load_settings(ROOT / "params.yaml").base
    moved = base.model_copy(update={"translation": 2.0})
    (copies,) = distorted_copies({"still": base, "moved": moved}, digits).values()
    first = [np.flatnonzero(digits.labels == digit)[0] for digit in (2, 5, 8)]
    assert (copies.shape, copies.dtype) == ((3, 10, 28, 28), np.uint8)
    np.testing.assert_array_equal(copies[:, 0], digits.images[first])
    assert len({copy.tobytes() for copy in copies[0]}) == 10


def test_distorted_copies_are_those_that_seed_0_trains_on_first(digits):
    settings = load_settings(ROOT / "params.yaml").base.model_copy(update={"translation": 2.0})
    (copies,) = distorted_copies({"moved": settings}, digits).values()
    everything = distortion.distort(digits.images, settings, seed=0, epoch=0, examples=np.arange(len(digits)))
    np.testing.assert_array_equal(copies[0, 1], everything[np.flatnonzero(digits.labels == 2)[0]])
