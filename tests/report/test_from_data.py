"""The report shows the same distorted images that training uses."""

import numpy as np
from support.paths import ROOT

from lenet.report.from_data import distorted_copies
from lenet.settings import load_settings
from lenet.training import distortion


def test_the_distorted_copies_are_those_that_training_with_seed_0_sees_in_each_epoch(digits):
    base = load_settings(ROOT / "params.yaml").base
    translated = base.model_copy(update={"translation": 2.0})
    (copies,) = distorted_copies({"still": base, "moved": translated}, digits).values()
    firsts = [np.flatnonzero(digits.labels == label)[0] for label in (2, 5, 8)]
    assert (copies.shape, copies.dtype) == ((3, 10, 28, 28), np.uint8)
    np.testing.assert_array_equal(copies[:, 0], digits.images[firsts])
    for epoch in (0, 8):
        distorted = distortion.distort(digits.images, translated, seed=0, epoch=epoch, examples=np.arange(len(digits)))
        np.testing.assert_array_equal(copies[:, 1 + epoch], distorted[firsts])
