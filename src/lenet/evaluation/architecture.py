"""Describe the maps, sizes, parameters and connections of a network's layers (LeCun et al. 1998, §II-B)."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lenet.network.lenet_1998 import CODES

if TYPE_CHECKING:
    import keras

# Layer → the side of a unit's receptive field, and the step to the next unit's field. 0: the layer is fully connected.
_FIELDS = {"c1": (5, 1), "s2": (2, 2), "c3": (5, 1), "s4": (2, 2), "c5": (0, 0), "f6": (0, 0), "output": (0, 0)}


@dataclass(frozen=True)
class LayerShape:
    """One layer: `maps` feature maps of side × side units.

    Each unit has a receptive field of field × field units. The fields of neighbouring units are `stride` units apart.
    `field` and `stride` are 0 if the layer is fully connected. parameters: the number of trainable parameters.
    connections: the number of inputs of all units, biases included.
    """

    name: str
    maps: int
    side: int
    field: int
    stride: int
    parameters: int
    connections: int


def describe(model: "keras.Model") -> list[LayerShape]:
    """Describe the layers of a network, from C1 to the output."""
    return [_shape(model, name) for name in _FIELDS]


def _shape(model: "keras.Model", name: str) -> LayerShape:
    is_rbf = name == "output" and any(layer.name == "rbf" for layer in model.layers)
    layer = model.get_layer("rbf" if is_rbf else name)
    *sides, maps = layer.output.shape[1:]
    field, stride = _FIELDS[name]
    if any(other.name == f"{name}_blur" for other in model.layers):
        field = 3
    units, parameters = math.prod(sides), layer.count_params()
    if is_rbf:
        connections = CODES.size
    elif name in ("s2", "s4"):  # each unit sees one map, and has a bias if the layer has parameters
        connections = units * maps * (field**2 + bool(parameters))
    else:
        connections = units * parameters
    return LayerShape(
        name.upper() if len(name) == 2 else name, maps, sides[0] if sides else 1, field, stride, parameters, connections
    )
