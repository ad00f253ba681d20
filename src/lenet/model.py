"""The networks; the only place where layers are put together.

LeNet-5's names are the paper's (LeCun et al. 1998, figure 2): C for convolutions, S for subsampling, F for full
connection. The variants here are the network as it is commonly simplified: full connections in C3, pooling
without trainable coefficients, softmax for the radial basis functions: 61,706 parameters.
"""

import math
from pathlib import Path

import keras
from keras import layers

from lenet.config import Variant
from lenet.data import Statistics
from lenet.errors import LabError


def build_model(settings: Variant, statistics: Statistics) -> keras.Model:
    """Build a variant's network with fresh weights, drawn from the global seed.

    Input: raw uint8 pixels (n, 28, 28), 0 = background; padding and scaling are its first layers, so that what
    was trained is what is served. Output: float32 probabilities (n, 10).
    """
    activation = settings.activation
    stack = [
        keras.Input((28, 28), dtype="uint8", name="image"),
        layers.Reshape((28, 28, 1), name="one_channel"),
        # 32×32 with background, so that strokes reach the centre of C1's fields (§II-B).
        layers.ZeroPadding2D(2, name="pad"),
        layers.Rescaling(1 / statistics.pixel_sd, -statistics.pixel_mean / statistics.pixel_sd, name="standardise"),
        layers.Conv2D(6, 5, activation=activation, name="c1"),  # 28×28×6
        layers.AveragePooling2D(2, name="s2"),  # 14×14×6
        layers.Conv2D(16, 5, activation=activation, name="c3"),  # 10×10×16
        layers.AveragePooling2D(2, name="s4"),  # 5×5×16
        layers.Flatten(name="flatten"),
        # A convolution by name; over a 5×5 input it is a full connection (§II-B), and faster as one.
        layers.Dense(120, activation=activation, name="c5"),
        layers.Dense(84, activation=activation, name="f6"),
    ]
    if settings.dropout:
        stack.append(layers.Dropout(settings.dropout, name="dropout"))
    return keras.Sequential([*stack, layers.Dense(10, activation="softmax", name="output")], name="lenet5")


def load_model(architecture: Path, weights: Path) -> keras.Model:
    """Load a trained network from its two files; raise LabError where they do not fit each other."""
    try:
        model = keras.models.model_from_json(architecture.read_text(encoding="utf-8"))
        model.load_weights(weights)
    except (OSError, ValueError, TypeError, KeyError) as error:
        what = " ".join(str(error).split())[:200]
        raise LabError(
            f"{weights} does not fit the network in {architecture.name} ({what}): "
            f"train it again: dvc repro --force train@{weights.parent.parent.name}"
        ) from None
    return model


def multiply_accumulates(model: keras.Model) -> int:
    """Count the multiply–accumulates of one forward pass of one digit (convolutions and full connections)."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            positions = math.prod(layer.output.shape[1:-1])
            total += positions * math.prod(layer.kernel.shape)
    return total
