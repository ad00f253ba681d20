"""The outputs of a variant's networks on the test set, in predictions/<variant>.npz."""

from dataclasses import dataclass, fields

import numpy as np

from lenet.mnist.splits import read_arrays
from lenet.workspace import PREDICTIONS, atomic_write


@dataclass(frozen=True)
class Predictions:
    """The probabilities from every seed's network for each test image, and arrays of the first seed's network.

    probabilities: float32 (seeds, images, 10). All other arrays belong to the first seed's network. filters: float32
    (5, 5, 6), the kernels of C1. digit: uint8 (28, 28), one test image. c1, s2, c3: float32 (height, width, maps), the
    feature maps of this image. weights: float32 (parameters,), the flattened weight arrays of all layers, one after the
    other. layout: for each weight array, in the same order, a text "layer name size". scaling: float64 (2,), the factor
    and the offset that the network applies to pixels.
    """

    probabilities: np.ndarray
    filters: np.ndarray
    digit: np.ndarray
    c1: np.ndarray
    s2: np.ndarray
    c3: np.ndarray
    weights: np.ndarray
    layout: np.ndarray
    scaling: np.ndarray


def save_predictions(variant: str, predictions: Predictions) -> None:
    with atomic_write(PREDICTIONS / f"{variant}.npz") as partial, open(partial, "wb") as file:
        np.savez(file, **{field.name: getattr(predictions, field.name) for field in fields(Predictions)})


def load_predictions(variant: str) -> Predictions:
    """Read predictions/<variant>.npz. Raise LabError if the file is missing or damaged."""
    names = [field.name for field in fields(Predictions)]
    return Predictions(**read_arrays(PREDICTIONS / f"{variant}.npz", names, f"run `dvc repro evaluate@{variant}`"))
