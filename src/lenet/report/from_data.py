"""What of the report shows digits and networks: it needs the data and the predictions, which git does not keep."""

from collections.abc import Mapping

import numpy as np

from lenet.evaluation.predictions import Predictions
from lenet.evaluation.study import Study
from lenet.mnist.splits import Split
from lenet.report import draw, examples, figures, misread_images, page, pictures
from lenet.settings import Variant
from lenet.training import distortion

_EPOCHS = 9  # whose distortions are shown


def save_figures(predictions: Mapping[str, Predictions], test: Split, copies: Mapping[str, np.ndarray]) -> None:
    """Write three figures; the last one only where variants distort. copies: the `distorted_copies`."""
    averages = {variant: seen.probabilities.mean(axis=0) for variant, seen in predictions.items()}
    drawn = {
        "wrong_digits": figures.wrong_digits(averages, test),
        "inside": figures.inside(predictions),
        **({"distortions": figures.distortions(copies)} if copies else {}),
    }
    figures.save_all(drawn)


def save(study: Study, predictions: Mapping[str, Predictions], test: Split, copies: Mapping[str, np.ndarray]) -> None:
    """Write reports/pictures/, examples.csv and draw.html. copies: the `distorted_copies`."""
    pictures.save_pictures(draw_pictures(study, predictions, test, copies))
    examples.save_examples(study, predictions, test)
    draw.save_page(study, predictions, test)


def draw_pictures(
    study: Study, predictions: Mapping[str, Predictions], test: Split, copies: Mapping[str, np.ndarray]
) -> dict[str, bytes]:
    """Return the pictures of the page, name → PNG; `copies` are the `distorted_copies`."""
    return _digits(study, test) | _insides(study, predictions) | _distorted(study, copies)


def distorted_copies(variants: Mapping[str, Variant], train: Split) -> dict[str, np.ndarray]:
    """Return the first 2, 5 and 8 as they are, and as the variants that distort see them in seed 0's first epochs.

    The keys are the names of those that distort alike, a line each; the values uint8 (digits, 1 + epochs, 28, 28).
    """
    examples = np.unique(train.labels, return_index=True)[1][2::3]
    originals = train.images[examples]
    copies = {}
    for names in page.distorting_alike(variants):
        seen = [distortion.distort(originals, variants[names[0]], 0, epoch, examples) for epoch in range(_EPOCHS)]
        copies["\n".join(names)] = np.stack([originals, *seen], axis=1)
    return copies


def _digits(study: Study, test: Split) -> dict[str, bytes]:
    shown = sorted({*misread_images.shown(study), *examples.read_rightly(study, test)})
    return {misread_images.picture_of(index): pictures.ink(test.images[index]) for index in shown}


def _insides(study: Study, predictions: Mapping[str, Predictions]) -> dict[str, bytes]:
    drawn = {}
    for variant in (study.original, study.top):
        digit, *layers = page.insides(variant).values()
        seen = predictions[variant]
        drawn[digit] = pictures.ink(seen.digit)
        for name, maps in zip(layers, (seen.filters, seen.c1, seen.s2, seen.c3), strict=True):
            drawn[name] = pictures.signed(pictures.mosaic_of_maps(maps))
    return drawn


def _distorted(study: Study, copies: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    return {
        picture: pictures.ink(np.nan_to_num(pictures.mosaic_of_copies(copies[names])))
        for names, picture in page.distorted(study).items()
    }
