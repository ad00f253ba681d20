"""The networks; the only place where layers are put together.

LeNet-5's names are the paper's (LeCun et al. 1998, figure 2): C for convolutions, S for subsampling, F for full
connection. With the settings of 1998 this is the network of the paper, 60,000 parameters; with those of `base` it is
what is usually called LeNet-5 today: full connections in C3, pooling without trainable coefficients, softmax for
the radial basis functions, 61,706 parameters.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from lenet.errors import LabError
from lenet.mnist.splits import Statistics
from lenet.network.layers import RadialBasis, Subsampling, TableConv2D, initial_bias, initial_weights, scaled_tanh
from lenet.network.lenet_1998 import BACKGROUND, CODES, INK
from lenet.settings import Variant

# Batches in which nothing is learnt; large enough to be quick, small enough to stay in the cache.
_PREDICTION_BATCH_SIZE = 500

_ACTIVATIONS = {"tanh": "tanh", "scaled_tanh": scaled_tanh, "relu": "relu", "silu": "silu"}


def build_model(settings: Variant, statistics: Statistics) -> keras.Model:
    """Build a variant's network with fresh weights, drawn from the global seed.

    Input: raw uint8 pixels (n, 28, 28), 0 = background; padding and scaling are its first layers, so that what
    was trained is what is served. Output: float32 probabilities (n, 10). The shapes below are of a 32×32 input.
    """
    activation = _ACTIVATIONS[settings.activation]

    def weights(fan_in: int) -> dict[str, keras.Initializer]:
        if settings.initialization == "glorot":
            return {}  # Keras's own
        return {
            "kernel_initializer": initial_weights(settings.initialization, fan_in),
            "bias_initializer": initial_bias(settings.initialization, fan_in),
        }

    side = settings.input_size // 4 - 3  # of S4's maps
    if settings.c3 == "table_1":
        c3 = TableConv2D(activation, settings.initialization, name="c3")
    else:
        c3 = layers.Conv2D(16, 5, activation=activation, **weights(6 * 5 * 5), name="c3")
    stack = [keras.Input((28, 28), dtype="uint8", name="image"), layers.Reshape((28, 28, 1), name="one_channel")]
    if settings.input_size == 32:
        # With a border of background, so that strokes reach the centre of C1's fields (§II-B).
        stack.append(layers.ZeroPadding2D(2, name="pad"))
    stack += [
        _scaling(settings, statistics),
        layers.Conv2D(6, 5, activation=activation, **weights(5 * 5), name="c1"),  # 28×28×6
        _pooling(settings, "s2"),  # 14×14×6
        c3,  # 10×10×16
        _pooling(settings, "s4"),  # 5×5×16
        layers.Flatten(name="flatten"),
        # A convolution by name; over a 5×5 input it is a full connection (§II-B), and faster as one.
        layers.Dense(120, activation=activation, **weights(16 * side * side), name="c5"),
        layers.Dense(84, activation=activation, **weights(120), name="f6"),
    ]
    if settings.dropout:
        stack.append(layers.Dropout(settings.dropout, name="dropout"))
    if settings.output == "softmax":
        stack.append(layers.Dense(10, name="output"))
    else:
        # Distances are penalties, halved as in the authors' code: the nearer, the more probable (equation 9, without
        # its rubbish class).
        stack += [RadialBasis(name="rbf"), layers.Rescaling(-0.5, name="output")]
    return keras.Sequential([*stack, layers.Softmax(name="probabilities")], name="lenet5")


def _scaling(settings: Variant, statistics: Statistics) -> keras.Layer:
    mean, sd = statistics.pixel_mean, statistics.pixel_sd
    factor, offset = {
        "standardised": (1 / sd, -mean / sd),
        "unit": (1 / 255, 0.0),
        "centred": (1 / 255, -mean / 255),
        "published": ((INK - BACKGROUND) / 255, BACKGROUND),
    }[settings.pixels]
    return layers.Rescaling(factor, offset, name="scale")


def _pooling(settings: Variant, name: str) -> keras.Layer:
    if settings.pooling == "trainable":
        return Subsampling(_ACTIVATIONS[settings.activation], settings.initialization, name=name)
    pooling = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}
    return pooling[settings.pooling](2, name=name)


def load_model(architecture: Path, weights: Path) -> keras.Model:
    """Load a trained network from its two files; raise LabError where they do not fit each other."""
    with _misfit_is_reported(architecture, weights):
        model = keras.models.model_from_json(architecture.read_text(encoding="utf-8"))
        model.load_weights(weights)
    return model


def load_weights(model: keras.Model, architecture: Path, weights: Path) -> None:
    """Give the network the weights of a trained one, whose two files these are.

    Raises LabError where that one is another network, or the file of weights is damaged.
    """
    with _misfit_is_reported(architecture, weights):
        if json.loads(architecture.read_text(encoding="utf-8")) != json.loads(model.to_json()):
            raise ValueError("another network than the settings'")
        model.load_weights(weights)


@contextmanager
def _misfit_is_reported(architecture: Path, weights: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError) as error:
        what = " ".join(str(error).split())[:200]
        raise LabError(
            f"{weights} does not fit the network in {architecture.name} ({what}): "
            f"train it again: dvc repro --force train@{weights.parent.parent.name}"
        ) from None


def predictor(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of uint8 images (n, 28, 28) that returns the network's output, float32 (n, 10).

    TensorFlow traces it once. It gives the bits of Keras's `predict`, which takes a tenth of a second more per call.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.uint8)])
    def of_batch(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    def predict(images: np.ndarray) -> np.ndarray:
        starts = range(0, len(images), _PREDICTION_BATCH_SIZE)
        return np.concatenate([of_batch(images[start : start + _PREDICTION_BATCH_SIZE]).numpy() for start in starts])

    return predict


def multiply_accumulates(model: keras.Model) -> int:
    """Count the multiply–accumulates of one forward pass of one digit (what is not connected costs nothing)."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense | TableConv2D):
            positions = math.prod(layer.output.shape[1:-1])
            total += positions * math.prod(layer.kernel.shape)
        elif isinstance(layer, Subsampling):
            total += math.prod(layer.output.shape[1:])
        elif isinstance(layer, RadialBasis):
            total += math.prod(CODES.shape)
    return total
