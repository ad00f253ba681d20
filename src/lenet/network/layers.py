"""Keras layers for the parts of the published LeNet-5 (LeCun et al. 1998, §II-B) that Keras lacks."""

from typing import Any, TypeVar

import keras
import numpy as np
from keras import ops
from keras.saving import register_keras_serializable

from lenet.network.lenet_1998 import AMPLITUDE, CODES, SLOPE, TABLE_I

_PACKAGE = "lenet"
# The number of inputs of one unit, or an array with the numbers of several units.
FanIn = TypeVar("FanIn", float, np.ndarray)


@register_keras_serializable(_PACKAGE)
def scaled_tanh(a: keras.KerasTensor) -> keras.KerasTensor:
    """Return f(a) = 1.7159 tanh(2a/3), the paper's squashing function: f(±1) = ±1 (equation 6 and Appendix A)."""
    return AMPLITUDE * ops.tanh(SLOPE * a)


def initial_limit(initialization: str, fan_in: FanIn) -> FanIn:
    """Return the limit v of a unit's initial weights, which are drawn uniformly from −v to v.

    fan_in: F, the number of the unit's inputs.
    initialization: "fan_in" gives 2.4/F, as in the paper (Appendix A). "root_fan_in" gives 1/√F. This limit is
    proportional to 1/√F, as in LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, §4.6, but the variance of the
    weights is a third of the variance there. "authors" gives 1/√F too, the default of the authors' own simulator (SN).
    "authors_fitted" gives 1.2/√F, which was fitted to the learning rates that the paper reports (§III-B).
    """
    factor_of_root = {"root_fan_in": 1.0, "authors": 1.0, "authors_fitted": 1.2}
    return 2.4 / fan_in if initialization == "fan_in" else factor_of_root[initialization] * fan_in**-0.5


def _follows_the_authors(initialization: str) -> bool:
    """Return whether biases start at 0, and coefficients at a positive constant, as in the authors' own code."""
    return initialization in ("authors", "authors_fitted")


def initial_weights(initialization: str, fan_in: int) -> keras.Initializer:
    """Return the initializer of the weights of a unit with `fan_in` inputs."""
    limit = float(initial_limit(initialization, fan_in))
    return keras.initializers.RandomUniform(-limit, limit)


def initial_bias(initialization: str, fan_in: int) -> keras.Initializer:
    """Return the initializer of a unit's bias: zero as in the authors' code, or as for the unit's weights."""
    if _follows_the_authors(initialization):
        return keras.initializers.Zeros()
    return initial_weights(initialization, fan_in)


@register_keras_serializable(_PACKAGE)
class TableConv2D(keras.layers.Layer):
    """C3: a 5×5 convolution. Each output map sees only the input maps to which Table I connects it.

    Input (n, h, w, 6), output (n, h − 4, w − 4, 16). The layer has 1,516 trainable numbers: a 5×5 kernel for each of
    the 60 connections in Table I, ordered by the table's rows, and a bias for each map. The limit of a map's
    initial weights follows from `initialization` and from the fan-in of this map, which is 75, 100 or 150. The fan-in
    and fan-out of "glorot" count only the connections in the table. Biases start at 0 with "glorot", "authors" and
    "authors_fitted".
    Raises ValueError if the input does not have six maps.
    """

    _SIZE = 5

    def __init__(self, activation: Any = None, initialization: str = "fan_in", **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.initialization = initialization

    def build(self, input_shape):
        input_maps, maps = TABLE_I.shape
        if input_shape[-1] != input_maps:
            raise ValueError(f"{self.name}: expected {input_maps} input maps, as in Table I, not {input_shape[-1]}")
        connections = int(TABLE_I.sum())
        size = self._SIZE
        self.kernel = self.add_weight((size, size, connections), initializer=self._initial_kernel, name="kernel")
        self.bias = self.add_weight((maps,), initializer=self._initial_bias, name="bias")
        # A product with this matrix puts the kernels of the connections into a full kernel, with zeros elsewhere. Row k
        # is 1 at the place of connection k in Table I. One full convolution is faster than sixteen small ones.
        scatter = np.zeros((connections, input_maps * maps), np.float32)
        scatter[np.arange(connections), np.flatnonzero(TABLE_I)] = 1
        self._scatter = scatter

    def _limits(self) -> np.ndarray:
        """Return, for each map, the limit of its initial weights: (16,)."""
        fan_in = self._SIZE**2 * TABLE_I.sum(axis=0)
        if self.initialization == "glorot":
            return np.sqrt(6 / (fan_in + self._SIZE**2 * TABLE_I.sum(axis=1).mean()))
        return initial_limit(self.initialization, fan_in)

    def _initial_kernel(self, shape, dtype=None):
        output_maps = np.argwhere(TABLE_I)[:, 1]
        return keras.random.uniform(shape, -1, 1, dtype) * ops.convert_to_tensor(self._limits()[output_maps], dtype)

    def _initial_bias(self, shape, dtype=None):
        if self.initialization == "glorot" or _follows_the_authors(self.initialization):
            return ops.zeros(shape, dtype)
        return keras.random.uniform(shape, -1, 1, dtype) * ops.convert_to_tensor(self._limits(), dtype)

    def full_kernel(self):
        """Return the kernel of the equivalent full convolution: (5, 5, 6, 16), 0 where Table I has no connection."""
        return ops.reshape(
            ops.matmul(ops.reshape(self.kernel, (self._SIZE**2, -1)), self._scatter),
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
    """S2 and S4: each unit outputs f(coefficient · sum of its 2×2 inputs + bias), where f is `activation` (§II-B).

    Input (n, h, w, maps), output (n, h/2, w/2, maps). Trainable: a coefficient and a bias per map.
    """

    def __init__(self, activation: Any = None, initialization: str = "fan_in", **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.initialization = initialization

    def build(self, input_shape):
        maps = (input_shape[-1],)
        if self.initialization == "glorot":  # the mean of the four inputs, as in average pooling
            coefficient, bias = keras.initializers.Constant(0.25), "zeros"
        else:
            coefficient, bias = initial_weights(self.initialization, 4), initial_bias(self.initialization, 4)
            if _follows_the_authors(self.initialization):  # a positive constant: the limit for four inputs
                coefficient = keras.initializers.Constant(float(initial_limit(self.initialization, 4)))
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
    """The output layer: the squared Euclidean distances y_i = Σ_j (x_j − w_ij)² to the codes of Figure 3 (equation 7).

    Input (n, 84), output (n, 10); the class with the smallest distance is the answer. The codes are fixed, so nothing
    is trained. Raises ValueError if the input does not have 84 units.
    """

    def build(self, input_shape):
        if input_shape[-1] != CODES.shape[1]:
            raise ValueError(f"{self.name}: expected {CODES.shape[1]} units, as in Figure 3, not {input_shape[-1]}")

    def call(self, inputs):
        return ops.sum(ops.square(ops.expand_dims(inputs, 1) - CODES), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], CODES.shape[0])
