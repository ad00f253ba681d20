"""The outputs of a variant's networks on the test set: predictions/<variant>.npz."""

from dataclasses import dataclass, fields

import numpy as np

from lenet.mnist.splits import read_arrays
from lenet.workspace import PREDICTIONS, atomic_write


@dataclass(frozen=True)
class Predictions:
    """Per-example outputs of all seeds, and the first seed's network with a look inside it.

    probabilities: float32 (seeds, n, 10). filters: float32 (5, 5, 6), the weights of C1. digit: uint8 (28, 28), one
    test digit. c1, s2, c3: float32 (height, width, maps), that digit's feature maps. weights: float32 (parameters,),
    all in a row; layout: "layer name count" of each piece. scaling: float64 (2,), the factor and offset of pixels.
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
    """Write the arrays."""
    with atomic_write(PREDICTIONS / f"{variant}.npz") as partial, open(partial, "wb") as file:
        np.savez(file, **{field.name: getattr(predictions, field.name) for field in fields(Predictions)})


def load_predictions(variant: str) -> Predictions:
    """Read the arrays; raise LabError if they are not there or damaged."""
    names = [field.name for field in fields(Predictions)]
    return Predictions(**read_arrays(PREDICTIONS / f"{variant}.npz", names, f"run `dvc repro evaluate@{variant}`"))
