import numpy as np
import pytest

from lenet.training.distortion import distort

EVERY_RANGE = {"translation": 2.0, "scaling": 0.15, "squeezing": 0.1, "shear": 0.2, "rotation": 0.15, "elastic": 3.0}


@pytest.fixture
def distorted(recipe):
    """Return a function that distorts images. The function's keyword arguments set the ranges of the distortions.

    The argument `examples` gives each image's index in the training set; by default 0, 1, …
    """

    def distort_images(images, seed=0, epoch=0, examples=None, **ranges):
        settings = recipe.model_copy(update=ranges)
        return distort(images, settings, seed, epoch, np.arange(len(images)) if examples is None else examples)

    return distort_images


def inked(rows, columns, copies=50):
    """Return equal images with a rectangle of full ink: uint8 (copies, 28, 28)."""
    images = np.zeros((copies, 28, 28), np.uint8)
    images[:, rows, columns] = 255
    return images


# A block of 12 × 8 pixels, a little below and right of the middle; and an upright bar.
BLOCK, BAR = (slice(9, 21), slice(11, 19)), (slice(4, 24), slice(13, 15))


def extents(images):
    """Return the height and width of each image's ink, in pixels. A pixel counts if its value is above half."""
    dark = images > 127
    return dark.any(axis=2).sum(axis=1), dark.any(axis=1).sum(axis=1)


def test_images_stay_the_same_if_no_range_is_set(distorted, digits):
    np.testing.assert_array_equal(distorted(digits.images), digits.images)


def test_each_seed_epoch_and_example_has_its_own_distortion(distorted):
    results = [
        distorted(inked(*BLOCK, copies=1), seed, epoch, np.array([example]), **EVERY_RANGE).tobytes()
        for seed in (0, 1)
        for epoch in (0, 1)
        for example in (0, 1)
    ]
    assert len(set(results)) == 8


def test_a_distortion_does_not_depend_on_other_images_and_does_not_change_its_input(distorted, digits):
    indices = np.arange(len(digits))
    together = distorted(digits.images, examples=indices, **EVERY_RANGE)
    backwards = distorted(digits.images[::-1].copy(), examples=indices[::-1].copy(), **EVERY_RANGE)
    np.testing.assert_array_equal(together, backwards[::-1])


def test_translation_moves_ink_in_both_directions_by_at_most_its_range(distorted):
    moved = distorted(inked(*BLOCK, copies=200), translation=3.0).astype(float)
    for axis in (1, 2):
        centres = (moved.sum(axis=3 - axis) * np.arange(28)).sum(axis=1) / moved.sum(axis=(1, 2)) - 14.5
        assert -3.02 <= centres.min() < -2.5
        assert 2.5 < centres.max() <= 3.02
        assert abs(centres.mean()) < 0.3


def test_scaling_changes_height_and_width_alike(distorted):
    heights, widths = extents(distorted(inked(*BLOCK), scaling=0.5))
    assert heights.min() < 10
    assert heights.max() > 16
    np.testing.assert_allclose(heights / widths, 1.5, atol=0.3)


def test_squeezing_makes_images_flatter_and_wider_or_taller_and_narrower(distorted):
    heights, widths = extents(distorted(inked(*BLOCK), squeezing=0.3))
    assert np.corrcoef(heights, widths)[0, 1] < -0.8


def test_shear_slants_images_and_keeps_their_height(distorted):
    heights, widths = extents(distorted(inked(*BLOCK), shear=0.3))
    assert set(heights) == {12}
    assert widths.max() > 9


def test_rotation_turns_an_upright_bar_and_hardly_changes_its_ink(distorted):
    turned = distorted(inked(*BAR), rotation=0.3)
    assert extents(turned)[1].max() > 5
    ink = turned.mean(axis=(1, 2)) / inked(*BAR).mean()
    assert 0.85 < ink.min() < ink.max() < 1.1


def test_elastic_distortion_bends_a_straight_bar(distorted):
    bent = distorted(inked(*BAR), elastic=5.0).astype(float)[:, 8:20]
    centres = (bent * np.arange(28)).sum(axis=2) / bent.sum(axis=2)
    rows = np.arange(12) - 5.5
    slopes = (centres * rows).sum(axis=1) / (rows * rows).sum()
    bend = centres - centres.mean(axis=1, keepdims=True) - slopes[:, None] * rows
    assert np.abs(bend).max() > 0.3
