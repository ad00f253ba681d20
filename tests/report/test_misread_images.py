"""The page shows the right images, for a small study without writers and for the committed study with its writers."""

import numpy as np
import pytest
from support.builders import study

from lenet.report import misread_images


def test_misread_images_are_grouped_by_the_variants_that_misread_them():
    kinds = misread_images.images_by_kind(study({"old": [3.0, 3.0, 1.0], "new": [2.0, 5.0, 2.0]}))
    assert {kind: (count, [image.index for image in images]) for kind, (count, images) in kinds.items()} == {
        "Only old misreads": (1, [2]),
        "Only new misreads": (0, []),
        "Both misread": (2, [0, 1]),
    }
    image = kinds["Only old misreads"][1][0]
    assert (image.label, image.taken_for, image.original_errors, image.top_errors) == (2, 3, 2, 1)


def test_the_writers_with_the_most_misread_images_are_shown(committed_study):
    featured = [committed_study.wrong[variant] for variant in committed_study.featured]
    error_rates = np.concatenate(featured).mean(axis=0)
    totals = sorted(np.bincount(committed_study.writers.writer_of_image, error_rates).tolist(), reverse=True)
    writers = misread_images.hard_writers(committed_study)
    assert [writer.error_percent * writer.image_count / 100 for writer in writers] == pytest.approx(
        totals[: len(writers)]
    )
    assert {writer.group for writer in writers} <= {"employees", "students"}
    first = writers[0]
    assert (
        (committed_study.writers.numbers[committed_study.writers.writer_of_image[first.images[0].index]])
        == first.number
    )
    image_error_rates = [error_rates[image.index] for image in first.images]
    assert image_error_rates == sorted(image_error_rates, reverse=True)
    assert min(image_error_rates) > 0


def test_no_writers_are_shown_if_they_are_unknown():
    small_study = study({"old": [3.0, 3.0, 1.0], "new": [2.0, 5.0, 2.0]})
    assert misread_images.hard_writers(small_study) == []
    assert misread_images.shown_indices(small_study) == [0, 1, 2]
