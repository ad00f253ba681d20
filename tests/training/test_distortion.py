import numpy as np
import pytest

from lenet.training.distortion import RANGES, distort, is_distorted

EVERY_RANGE = {"translation": 2.0, "scaling": 0.15, "squeezing": 0.1, "shear": 0.2, "rotation": 0.15, "elastic": 3.0}


@pytest.fixture
def distorted(recipe):
    """Distort images as the examples 0, 1, … of one seed's epoch; keyword arguments give the ranges."""

    def run(images, seed=0, epoch=0, examples=None, **ranges):
        settings = recipe.model_copy(update=ranges)
        return distort(images, settings, seed, epoch, np.arange(len(images)) if examples is None else examples)

    return run


@pytest.fixture(scope="session")
def block():
    """Copies of a 12 × 8 block of full ink, upright, a little below the middle and right of it: (n, 28, 28)."""

    def copies(n):
        images = np.zeros((n, 28, 28), np.uint8)
        images[:, 9:21, 11:19] = 255
        return images

    return copies


def extent(image):
    """Return height and width of the ink, in pixels, counted by its half-lit outline."""
    lit = image > 127
    return lit.any(axis=1).sum(), lit.any(axis=0).sum()


def test_without_a_range_nothing_changes(distorted, digits):
    np.testing.assert_array_equal(distorted(digits.images), digits.images)


def test_a_variant_is_distorted_if_any_range_is_more_than_0(recipe):
    assert not is_distorted(recipe)
    assert all(is_distorted(recipe.model_copy(update={name: 0.1})) for name in RANGES)


@pytest.mark.parametrize("name", RANGES)
def test_each_range_alone_changes_digits(distorted, digits, name):
    changed = distorted(digits.images, **{name: EVERY_RANGE[name]})
    assert (changed != digits.images).any(axis=(1, 2)).mean() > 0.95


def test_seed_epoch_and_example_each_give_a_distortion_of_their_own(distorted, block):
    same = block(1)
    shown = [
        distorted(same, seed, epoch, np.array([example]), **EVERY_RANGE).tobytes()
        for seed in (0, 1)
        for epoch in (0, 1)
        for example in (0, 1)
    ]
    assert len(set(shown)) == 8


def test_a_distortion_does_not_depend_on_the_digits_beside_it(distorted, digits):
    everyone = np.arange(len(digits))
    together = distorted(digits.images, examples=everyone, **EVERY_RANGE)
    backwards = distorted(digits.images[::-1].copy(), examples=everyone[::-1].copy(), **EVERY_RANGE)
    np.testing.assert_array_equal(together, backwards[::-1])


def test_the_digits_given_stay_as_they_are(distorted, digits):
    before = digits.images.copy()
    distorted(digits.images, **EVERY_RANGE)
    np.testing.assert_array_equal(digits.images, before)


def test_a_translation_moves_ink_by_no_more_than_its_range_and_both_ways(distorted, block):
    images = block(200)
    moved = distorted(images, translation=3.0).astype(float)
    for axis, middle in ((1, 14.5), (2, 14.5)):
        centres = (moved.sum(axis=3 - axis) * np.arange(28)).sum(axis=1) / moved.sum(axis=(1, 2)) - middle
        assert -3.02 <= centres.min() < -2.5
        assert 2.5 < centres.max() <= 3.02
        assert abs(centres.mean()) < 0.3


def test_scaling_changes_height_and_width_alike(distorted, block):
    sizes = [extent(image) for image in distorted(block(50), scaling=0.5)]
    heights, widths = np.array(sizes).T
    assert heights.min() < 10
    assert heights.max() > 16
    np.testing.assert_allclose(heights / widths, 1.5, atol=0.3)


def test_squeezing_makes_digits_flatter_and_wider_or_the_reverse(distorted, block):
    heights, widths = np.array([extent(image) for image in distorted(block(50), squeezing=0.3)]).T
    assert np.corrcoef(heights, widths)[0, 1] < -0.8


def test_shear_leans_digits_over_and_leaves_their_rows_alone(distorted, block):
    leaning = distorted(block(50), shear=0.3)
    assert {extent(image)[0] for image in leaning} == {12}
    assert max(extent(image)[1] for image in leaning) > 9


def test_rotation_turns_an_upright_bar_and_hardly_changes_its_ink(distorted):
    bar = np.zeros((50, 28, 28), np.uint8)
    bar[:, 4:24, 13:15] = 255
    turned = distorted(bar, rotation=0.3)
    assert max(extent(image)[1] for image in turned) > 5
    ink = turned.sum(axis=(1, 2), dtype=float) / bar[0].sum(dtype=float)
    assert 0.85 < ink.min() < ink.max() < 1.1


def test_elastic_distortion_bends_a_straight_bar(distorted):
    bar = np.zeros((50, 28, 28), np.uint8)
    bar[:, 4:24, 13:15] = 255
    bent = distorted(bar, elastic=5.0).astype(float)[:, 8:20]
    centres = (bent * np.arange(28)).sum(axis=2) / bent.sum(axis=2)
    rows = np.arange(12) - 5.5
    slopes = (centres * rows).sum(axis=1) / (rows * rows).sum()
    bend = centres - centres.mean(axis=1, keepdims=True) - slopes[:, None] * rows
    assert np.abs(bend).max() > 0.3
