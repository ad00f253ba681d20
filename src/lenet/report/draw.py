"""The page reports/draw.html: the reader draws an image, and three networks classify it.

The page is one self-contained file. The networks run in the page: their weights are embedded in it, and
templates/lenet.js computes the forward pass.
"""

import base64
from collections.abc import Mapping

import numpy as np

from lenet.evaluation.predictions import Predictions
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.mnist.splits import Split
from lenet.network.lenet_1998 import CODES, TABLE_I
from lenet.report import misread_images
from lenet.report.embedded import as_json
from lenet.report.page import environment
from lenet.workspace import DRAW, atomic_write

_MISREAD_PER_KIND = 10


def save_page(study: Study, predictions: Mapping[str, Predictions], test: Split) -> None:
    """Write reports/draw.html with one network per variant of `study.featured`: the network of the first seed."""
    networks = [network_data(study, variant, predictions[variant]) for variant in study.featured]
    kinds = selectable_images(study, test)
    images = [
        {"index": int(index), "label": int(test.labels[index]), "kind": kind, "pixels": _base64(test.images[index])}
        for kind, indices in enumerate(kinds.values())
        for index in indices
    ]
    data = as_json({"networks": networks, "digits": images})
    dataset = datasets.find(study.dataset)
    page = (
        environment().get_template("draw.html").render(networks=networks, kinds=list(kinds), data=data, dataset=dataset)
    )
    with atomic_write(DRAW) as partial:
        partial.write_text(page, encoding="utf-8")


def selectable_images(study: Study, test: Split) -> dict[str, list[int]]:
    """Return the test images that the reader can choose instead of drawing: kind → indices of the images.

    The first kind has the first test image of each class. The other kinds have images that the networks misread.
    """
    firsts = [int(np.flatnonzero(test.labels == label)[0]) for label in np.unique(test.labels)]
    kinds = misread_images.images_by_kind(study).items()
    misread = {kind: [image.index for image in images[:_MISREAD_PER_KIND]] for kind, (_, images) in kinds if images}
    return {"Test images": firsts} | misread


def network_data(study: Study, variant: str, outputs: Predictions) -> dict[str, object]:
    """Return everything that the page needs to run the network of a variant's first seed, as values for JSON."""
    settings = study.settings.variant(variant)
    return {
        "name": variant,
        "about": study.settings.about.get(variant, ""),
        "side": settings.input_size,
        "scale": float(outputs.scaling[0]),
        "offset": float(outputs.scaling[1]),
        "activation": settings.activation,
        "pooling": settings.pooling,
        "table": TABLE_I.astype(int).tolist() if settings.c3 == "table_1" else None,
        "codes": CODES.astype(int).tolist() if settings.output == "rbf" else None,
        "layout": [line.split() for line in outputs.layout.tolist()],
        "weights": _base64(outputs.weights.astype("<f4")),
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
