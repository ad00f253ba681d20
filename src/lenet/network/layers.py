"""What Keras lacks of LeNet-5 as published (LeCun et al. 1998, §II-B), as Keras layers."""

from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops
from keras.saving import register_keras_serializable

from lenet.network.lenet_1998 import AMPLITUDE, CODES, SLOPE, TABLE_I

_PACKAGE = "lenet"
# The inputs of one unit, or of each of several.
FanIn = TypeVar("FanIn", float, np.ndarray)


@register_keras_serializable(_PACKAGE)
def scaled_tanh(a: keras.KerasTensor) -> keras.KerasTensor:
    """Squash: f(a) = 1.7159 tanh(2a/3), so that f(±1) = ±1 (equation 6 and Appendix A)."""
    return AMPLITUDE * ops.tanh(SLOPE * a)


def initial_limit(initialization: str, fan_in: FanIn) -> FanIn:
    """Return the limit of the uniform distribution that weights are drawn from; fan_in: the inputs of their unit.

    fan_in: 2.4/F, as the paper has it (Appendix A). root_fan_in: 1/√F, as LeCun, Bottou, Orr and Müller, Efficient
    BackProp, 1998, §4.6, though of a third of its variance. authors: 1.2/√F, the form that the authors' own code has.
    """
    return {"fan_in": 2.4 / fan_in, "root_fan_in": fan_in**-0.5, "authors": 1.2 * fan_in**-0.5}[initialization]


def initial_weights(initialization: str, fan_in: int) -> keras.Initializer:
    """Return the initializer of a unit's weights."""
    limit = float(initial_limit(initialization, fan_in))
    return keras.initializers.RandomUniform(-limit, limit)


def initial_bias(initialization: str, fan_in: int) -> keras.Initializer:
    """Return the initializer of a unit's bias: as its weights, but 0 in the authors' code."""
    return keras.initializers.Zeros() if initialization == "authors" else initial_weights(initialization, fan_in)


@register_keras_serializable(_PACKAGE)
class TableConv2D(keras.layers.Layer):
    """C3: a 5×5 convolution whose maps each see only some of the maps below, by Table I.

    Input (n, h, w, 6), output (n, h − 4, w − 4, 16). Trainable: a 5×5 kernel for each of the table's 60
    connections, in the order of its rows, and a bias per map, 1,516 in all. They start as `initialization` says for
    the map's own fan-in of 75, 100 or 150; "glorot" counts the table's connections alone. "glorot" and "authors" start
    biases at 0.
    Raises ValueError for an input of other than six maps.
    """

    _SIZE = 5

    def __init__(self, activation: Any = None, initialization: str = "fan_in", **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.initialization = initialization

    def build(self, input_shape):
        below, maps = TABLE_I.shape
        if input_shape[-1] != below:
            raise ValueError(f"{self.name}: Table I connects {below} maps, the input has {input_shape[-1]}")
        connections = int(TABLE_I.sum())
        size = self._SIZE
        self.kernel = self.add_weight((size, size, connections), initializer=self._initial_kernel, name="kernel")
        self.bias = self.add_weight((maps,), initializer=self._initial_bias, name="bias")
        # Row k puts connection k's kernel where Table I has its k-th one, so that a product with it fills the full
        # kernel, zeros elsewhere: one convolution is faster than sixteen.
        places = np.zeros((connections, below * maps), np.float32)
        places[np.arange(connections), np.flatnonzero(TABLE_I)] = 1
        self._places = places

    def _limits(self) -> np.ndarray:
        """Return the limit of each map's uniform distribution."""
        fan_in = self._SIZE**2 * TABLE_I.sum(axis=0)
        if self.initialization == "glorot":
            return np.sqrt(6 / (fan_in + self._SIZE**2 * TABLE_I.sum(axis=1).mean()))
        return initial_limit(self.initialization, fan_in)

    def _initial_kernel(self, shape, dtype=None):
        of_map = np.argwhere(TABLE_I)[:, 1]
        return keras.random.uniform(shape, -1, 1, dtype) * ops.convert_to_tensor(self._limits()[of_map], dtype)

    def _initial_bias(self, shape, dtype=None):
        if self.initialization in ("glorot", "authors"):
            return ops.zeros(shape, dtype)
        return keras.random.uniform(shape, -1, 1, dtype) * ops.convert_to_tensor(self._limits(), dtype)

    def full_kernel(self):
        """Return the kernel as an ordinary convolution has it: (5, 5, 6, 16), zero where nothing is connected."""
        return ops.reshape(
            ops.matmul(ops.reshape(self.kernel, (self._SIZE**2, -1)), self._places),
            (self._SIZE, self._SIZE, *TABLE_I.shape),
        )

    def call(self, inputs):
        return self.activation(ops.conv(inputs, self.full_kernel(), padding="valid") + self.bias)

    def compute_output_shape(self, input_shape):
        height, width = (side - self._SIZE + 1 if side else None for side in input_shape[1:3])
        return (input_shape[0], height, width, TABLE_I.shape[1])

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "initialization": self.initialization,
        }


@register_keras_serializable(_PACKAGE)
class Subsampling(keras.layers.Layer):
    """S2 and S4: each unit adds its 2×2 inputs, times a coefficient, plus a bias, squashed (§II-B).

    Input (n, h, w, maps), output (n, h/2, w/2, maps). Trainable: a coefficient and a bias per map.
    """

    def __init__(self, activation: Any = None, initialization: str = "fan_in", **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.initialization = initialization

    def build(self, input_shape):
        maps = (input_shape[-1],)
        if self.initialization == "glorot":  # the mean of the four, as average pooling has it
            coefficient, bias = keras.initializers.Constant(0.25), "zeros"
        else:
            coefficient, bias = initial_weights(self.initialization, 4), initial_bias(self.initialization, 4)
            if self.initialization == "authors":  # a positive constant, at the limit that others are drawn up to
                coefficient = keras.initializers.Constant(float(initial_limit("authors", 4)))
        self.coefficient = self.add_weight(maps, initializer=coefficient, name="coefficient")
        self.bias = self.add_weight(maps, initializer=bias, name="bias")

    def call(self, inputs):
        total = 4 * ops.average_pool(inputs, 2)
        return self.activation(self.coefficient * total + self.bias)

    def compute_output_shape(self, input_shape):
        halves = (side // 2 if side else None for side in input_shape[1:3])
        return (input_shape[0], *halves, input_shape[-1])

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "initialization": self.initialization,
        }


@register_keras_serializable(_PACKAGE)
class RadialBasis(keras.layers.Layer):
    """The output: squared Euclidean distances y_i = Σ_j (x_j − w_ij)² to Figure 3's fixed codes (equation 7).

    Input (n, 84), output (n, 10); the smallest wins. Nothing here is trained. Raises ValueError for an input of
    other than 84 units.
    """

    def build(self, input_shape):
        if input_shape[-1] != CODES.shape[1]:
            raise ValueError(f"{self.name}: Figure 3's codes have {CODES.shape[1]} units, not {input_shape[-1]}")

    def call(self, inputs):
        return ops.sum(ops.square(ops.expand_dims(inputs, 1) - CODES), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], CODES.shape[0])
