"""The page reports/draw.html: draw a digit, and see what three networks read. One file, which needs nothing else.

The networks run in the page. Their weights are embedded, and templates/lenet.js is the forward pass.
"""

import base64
from collections.abc import Mapping

import numpy as np

from lenet.evaluation.predictions import Predictions
from lenet.evaluation.study import Study
from lenet.mnist.splits import Split
from lenet.network.lenet_1998 import CODES, TABLE_I
from lenet.report import misread_images
from lenet.report.embedded import as_json
from lenet.report.page import environment
from lenet.workspace import DRAW, atomic_write

_OF_A_KIND = 10  # test digits that can be called up


def save_page(study: Study, predictions: Mapping[str, Predictions], test: Split) -> None:
    """Write the page, with the first seed's networks of the old variant, the base and the new one."""
    networks = [network_of(study, variant, predictions[variant]) for variant in study.featured]
    kinds = digits_by_kind(study, test)
    shown = [
        {"index": int(index), "label": int(test.labels[index]), "kind": kind, "pixels": _base64(test.images[index])}
        for kind, indices in enumerate(kinds.values())
        for index in indices
    ]
    data = as_json({"networks": networks, "digits": shown})
    page = environment().get_template("draw.html").render(networks=networks, kinds=list(kinds), data=data)
    with atomic_write(DRAW) as partial:
        partial.write_text(page, encoding="utf-8")


def digits_by_kind(study: Study, test: Split) -> dict[str, list[int]]:
    """Return the test digits that can be called up, by kind: the first of each class, and those that are misread."""
    firsts = [int(np.flatnonzero(test.labels == label)[0]) for label in np.unique(test.labels)]
    misread = misread_images.misread_by(study).items()
    worst = {kind: [digit.index for digit in digits[:_OF_A_KIND]] for kind, (_, digits) in misread if digits}
    return {"Test digits": firsts} | worst


def network_of(study: Study, variant: str, seen: Predictions) -> dict[str, object]:
    """Return what the page knows of a variant's first network, as JSON has it."""
    settings = study.settings.variant(variant)
    return {
        "name": variant,
        "about": study.settings.about.get(variant, ""),
        "side": settings.input_size,
        "scale": float(seen.scaling[0]),
        "offset": float(seen.scaling[1]),
        "activation": settings.activation,
        "pooling": settings.pooling,
        "table": TABLE_I.astype(int).tolist() if settings.c3 == "table_1" else None,
        "codes": CODES.astype(int).tolist() if settings.output == "rbf" else None,
        "layout": [line.split() for line in seen.layout.tolist()],
        "weights": _base64(seen.weights.astype("<f4")),
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
