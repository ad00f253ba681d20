"""Make the part of the report that shows images and networks: three figures, pictures, examples.csv and draw.html.

This part is made from the data and the predictions. Git tracks neither of them.
"""

from collections.abc import Mapping

import numpy as np

from lenet.evaluation.predictions import Predictions
from lenet.evaluation.study import Study
from lenet.mnist.splits import Split
from lenet.report import draw, examples, figures, misread_images, page, pictures
from lenet.settings import Variant
from lenet.training import distortion

_DISTORTED_COUNT = 9  # how many distorted copies of each digit are shown


def save_figures(predictions: Mapping[str, Predictions], test: Split, copies: Mapping[str, np.ndarray]) -> None:
    """Write the figures `wrong_digits` and `inside`, and also `distortions` if a variant distorts images.

    copies: what `distorted_copies` returns.
    """
    averages = {variant: outputs.probabilities.mean(axis=0) for variant, outputs in predictions.items()}
    figures_by_name = {
        "wrong_digits": figures.wrong_digits(averages, test),
        "inside": figures.inside(predictions),
        **({"distortions": figures.distortions(copies)} if copies else {}),
    }
    figures.save_all(figures_by_name)


def save(study: Study, predictions: Mapping[str, Predictions], test: Split, copies: Mapping[str, np.ndarray]) -> None:
    """Write reports/pictures/, examples.csv and draw.html. copies: what `distorted_copies` returns."""
    pictures.save_pictures(draw_pictures(study, predictions, test, copies))
    examples.save_examples(study, predictions, test)
    draw.save_page(study, predictions, test)


def draw_pictures(
    study: Study, predictions: Mapping[str, Predictions], test: Split, copies: Mapping[str, np.ndarray]
) -> dict[str, bytes]:
    """Return the pictures of the page: name → PNG. copies: what `distorted_copies` returns."""
    return _draw_test_images(study, test) | _draw_insides(study, predictions) | _draw_distortions(study, copies)


def distorted_copies(variants: Mapping[str, Variant], train: Split) -> dict[str, np.ndarray]:
    """Return a few training images with their distorted copies: group of variants → images.

    All variants of a group have the same distortions. A group is a text: the names of its variants, one per line.
    The images are an array uint8 (images, 1 + copies, 28, 28). Each image is followed by its copies. The images are the
    first training images of the classes 2, 5 and 8. The copies are the first that a run from seed 0 makes: one per
    epoch or, with the setting `copies`, all before the first epoch.
    """
    indices = np.unique(train.labels, return_index=True)[1][2::3]
    originals = train.images[indices]
    copies = {}
    for names in page.groups_of_equal_distortion(variants):
        recipe = variants[names[0]]
        first = 1 if recipe.copies else 0  # copies are numbered from 1, epochs from 0
        distorted = [distortion.distort(originals, recipe, 0, first + i, indices) for i in range(_DISTORTED_COUNT)]
        copies["\n".join(names)] = np.stack([originals, *distorted], axis=1)
    return copies


def _draw_test_images(study: Study, test: Split) -> dict[str, bytes]:
    indices = sorted({*misread_images.shown_indices(study), *examples.first_read_correctly(study, test)})
    return {misread_images.picture_name(index): pictures.ink(test.images[index]) for index in indices}


def _draw_insides(study: Study, predictions: Mapping[str, Predictions]) -> dict[str, bytes]:
    png_by_name = {}
    for variant in (study.original, study.top):
        image_name, *layer_names = page.inside_pictures(variant).values()
        outputs = predictions[variant]
        png_by_name[image_name] = pictures.ink(outputs.digit)
        for name, maps in zip(layer_names, (outputs.filters, outputs.c1, outputs.s2, outputs.c3), strict=True):
            png_by_name[name] = pictures.signed(pictures.mosaic_of_maps(maps))
    return png_by_name


def _draw_distortions(study: Study, copies: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    return {
        picture: pictures.ink(np.nan_to_num(pictures.mosaic_of_copies(copies[names])))
        for names, picture in page.distortion_pictures(study).items()
    }
