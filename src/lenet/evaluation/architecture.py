"""A network's layers as the paper tells them (§II-B): maps, size, field, trainable parameters, connections."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lenet.network.lenet_1998 import CODES

if TYPE_CHECKING:
    import keras

# The names of the layers → the side of the field that a unit sees, and the step to the next one's; full connections: 0.
_FIELDS = {"c1": (5, 1), "s2": (2, 2), "c3": (5, 1), "s4": (2, 2), "c5": (0, 0), "f6": (0, 0), "output": (0, 0)}


@dataclass(frozen=True)
class LayerShape:
    """One layer: `maps` maps of side × side units, each of which sees field × field units, `stride` apart; 0 = all.

    parameters: trainable ones. connections: of all units, each one's bias included.
    """

    name: str
    maps: int
    side: int
    field: int
    stride: int
    parameters: int
    connections: int


def describe(model: "keras.Model") -> list[LayerShape]:
    """Return the layers of a network from C1 to the output."""
    return [_shape(model, name) for name in _FIELDS]


def _shape(model: "keras.Model", name: str) -> LayerShape:
    with_codes = name == "output" and any(layer.name == "rbf" for layer in model.layers)
    layer = model.get_layer("rbf" if with_codes else name)
    *sides, maps = layer.output.shape[1:]
    field, stride = _FIELDS[name]
    units, parameters = math.prod(sides), layer.count_params()
    if with_codes:
        connections = CODES.size
    elif name in ("s2", "s4"):  # four inputs, and a bias where there are any
        connections = units * maps * (4 + bool(parameters))
    else:
        connections = units * parameters
    return LayerShape(
        name.upper() if len(name) == 2 else name, maps, sides[0] if sides else 1, field, stride, parameters, connections
    )
