"""Build, load and run the networks. Only this module puts layers together.

The layers have the paper's names (LeCun et al. 1998, figure 2): C for convolution, S for subsampling, F for full
connection. With the settings of 1998, the network is that of the paper, with 60,000 parameters. With the settings
`base` in params.yaml, the network is what is usually called LeNet-5 today, with 61,706 parameters: each map of C3 sees
all maps of S2, pooling has no trainable coefficients, and a softmax replaces the radial basis functions.
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

from lenet.errors import LabError, in_one_line, shortened
from lenet.mnist.splits import Statistics
from lenet.network.layers import RadialBasis, Subsampling, TableConv2D, initial_bias, initial_weights, scaled_tanh
from lenet.network.lenet_1998 import BACKGROUND, CODES, INK
from lenet.settings import Variant

# Large enough to be quick, small enough for the processor's cache.
_PREDICTION_BATCH_SIZE = 500

_ACTIVATIONS = {"tanh": "tanh", "scaled_tanh": scaled_tanh, "relu": "relu", "silu": "silu"}


def build_model(settings: Variant, statistics: Statistics) -> keras.Model:
    """Build a variant's network with fresh weights, drawn from the global seed.

    Input: raw uint8 pixels (n, 28, 28), 0 = background. Padding and scaling are layers of the network, so a served
    network treats images exactly as in training. Output: float32 probabilities (n, 10). The shapes in the comments are
    for an input size of 32.
    """
    activation = _ACTIVATIONS[settings.activation]

    def initializers(fan_in: int) -> dict[str, keras.Initializer]:
        if settings.initialization == "glorot":
            return {}  # Keras's default
        return {
            "kernel_initializer": initial_weights(settings.initialization, fan_in),
            "bias_initializer": initial_bias(settings.initialization, fan_in),
        }

    side = settings.input_size // 4 - 3  # height and width of S4's maps
    if settings.c3 == "table_1":
        c3 = TableConv2D(activation, settings.initialization, name="c3")
    else:
        c3 = layers.Conv2D(16, 5, activation=activation, **initializers(6 * 5 * 5), name="c3")
    stack = [keras.Input((28, 28), dtype="uint8", name="image"), layers.Reshape((28, 28, 1), name="one_channel")]
    if settings.input_size == 32:
        # A border of background: so the ends of strokes can lie at the centre of C3's receptive fields (§II-B).
        stack.append(layers.ZeroPadding2D(2, name="pad"))
    stack += [
        _scaling(settings, statistics),
        layers.Conv2D(6, 5, activation=activation, **initializers(5 * 5), name="c1"),  # 28×28×6
        *_pooling(settings, "s2"),  # 14×14×6
        c3,  # 10×10×16
        *_pooling(settings, "s4"),  # 5×5×16
        layers.Flatten(name="flatten"),
        # The paper calls C5 a convolution. Over a 5×5 input it is a full connection (§II-B), and Dense is faster.
        layers.Dense(120, activation=activation, **initializers(16 * side * side), name="c5"),
        layers.Dense(84, activation=activation, **initializers(120), name="f6"),
    ]
    if settings.dropout:
        stack.append(layers.Dropout(settings.dropout, name="dropout"))
    if settings.output == "softmax":
        stack.append(layers.Dense(10, name="output"))
    else:
        # A class's penalty is half its squared distance, as in the authors' code. The smaller the penalty, the more
        # probable the class (equation 9, without its rubbish class).
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


def _pooling(settings: Variant, name: str) -> list[keras.Layer]:
    """Return the layers that halve the sides of the maps. The last layer is called `name`."""
    if settings.pooling == "trainable":
        return [Subsampling(_ACTIVATIONS[settings.activation], settings.initialization, name=name)]
    if settings.pooling == "max":
        return [layers.MaxPooling2D(2, name=name)]
    # Two means of 2×2 in a row weight 3×3 inputs by the binomial filter (1, 2, 1) ⊗ (1, 2, 1) / 16: a blur before the
    # subsampling, as in Zhang, Making Convolutional Networks Shift-Invariant Again, 2019. The last row and the last
    # column count twice where the filter passes the border.
    blur = [layers.AveragePooling2D(2, strides=1, padding="same", name=f"{name}_blur")]
    return [*(blur if settings.pooling == "blur" else []), layers.AveragePooling2D(2, name=name)]


def load_model(architecture: Path, weights: Path) -> keras.Model:
    """Load the network of an entry of the run store; raise LabError if its two files do not fit together."""
    with _report_misfit(weights.parent, "remove this folder, then run the same command again"):
        model = keras.models.model_from_json(architecture.read_text(encoding="utf-8"))
        model.load_weights(weights)
    return model


def load_weights(model: keras.Model, architecture: Path, weights: Path) -> None:
    """Load trained weights into the model. architecture, weights: the two files in models/<variant>/seed-<seed>/.

    Raises LabError if the trained network has another architecture than the model, or if the weights file is damaged.
    """
    folder = weights.parent
    with _report_misfit(folder, f"run `dvc repro train@{folder.parent.name}`"):
        if json.loads(architecture.read_text(encoding="utf-8")) != json.loads(model.to_json()):
            raise ValueError("its model.json is not the network that params.yaml describes")
        model.load_weights(weights)


@contextmanager
def _report_misfit(folder: Path, hint: str) -> Iterator[None]:
    """Turn an error in the `with` block into a LabError: the folder has no usable network. hint: what to do."""
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = shortened(in_one_line(error), 200)
        raise LabError(f"{folder} holds no network that can be used here ({reason}): {hint}") from None


def make_predictor(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that maps uint8 images (n, 28, 28) to the network's output, float32 (n, 10).

    TensorFlow traces the function once. The function's results equal those of Keras's `predict`, bit for bit, but each
    call takes a tenth of a second less.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.uint8)])
    def predict_batch(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    def predict(images: np.ndarray) -> np.ndarray:
        starts = range(0, len(images), _PREDICTION_BATCH_SIZE)
        return np.concatenate(
            [predict_batch(images[start : start + _PREDICTION_BATCH_SIZE]).numpy() for start in starts]
        )

    return predict


def multiply_accumulates(model: keras.Model) -> int:
    """Count the multiply–accumulates of one image's forward pass. Connections missing in Table I are not counted."""
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
