"""The distorted digits that the report shows are those that training sees."""

import numpy as np
from support.paths import ROOT

from lenet.report.from_data import distorted_copies
from lenet.settings import load_settings
from lenet.training import distortion


def test_distorted_copies_are_of_one_digit_per_class_as_seed_0_sees_it_in_each_epoch(digits):
    base = load_settings(ROOT / "params.yaml").base
    moved = base.model_copy(update={"translation": 2.0})
    (copies,) = distorted_copies({"still": base, "moved": moved}, digits).values()
    first = [np.flatnonzero(digits.labels == digit)[0] for digit in (2, 5, 8)]
    assert (copies.shape, copies.dtype) == ((3, 10, 28, 28), np.uint8)
    np.testing.assert_array_equal(copies[:, 0], digits.images[first])
    for epoch in (0, 8):
        everything = distortion.distort(digits.images, moved, seed=0, epoch=epoch, examples=np.arange(len(digits)))
        np.testing.assert_array_equal(copies[:, 1 + epoch], everything[first])
