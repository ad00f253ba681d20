"""Compare the layers that `describe` returns with the counts in the paper (§II-B)."""

import pytest

from lenet.evaluation.architecture import LayerShape, describe
from lenet.network import determinism

determinism.prepare()

from support.paths import ROOT

from lenet.mnist.splits import Statistics
from lenet.network.model import build_model
from lenet.settings import load_settings

PAPER = [
    LayerShape("C1", 6, 28, 5, 1, 156, 122_304),
    LayerShape("S2", 6, 14, 2, 2, 12, 5_880),
    LayerShape("C3", 16, 10, 5, 1, 1_516, 151_600),
    LayerShape("S4", 16, 5, 2, 2, 32, 2_000),
    LayerShape("C5", 120, 1, 0, 0, 48_120, 48_120),
    LayerShape("F6", 84, 1, 0, 0, 10_164, 10_164),
    LayerShape("output", 10, 1, 0, 0, 0, 840),
]


def layers_of(variant, **changes):
    settings = load_settings(ROOT / "params.yaml").variant(variant).model_copy(update=changes)
    return describe(build_model(settings, Statistics("mnist", 0.1, 0, {}, 33.3, 78.6)))


def test_the_network_of_1998_has_the_layers_of_the_paper():
    layers = layers_of("lenet5_1998")
    assert layers == PAPER
    assert sum(layer.parameters for layer in layers) == 60_000
    assert sum(layer.connections for layer in layers) == 340_908


@pytest.mark.parametrize(("variant", "parameters"), [("tanh_sgd", 61_706), ("tanh_sgd_28", 44_426)])
def test_simplified_networks_have_full_connections_and_pooling_without_parameters(variant, parameters):
    layers = {layer.name: layer for layer in layers_of(variant)}
    assert sum(layer.parameters for layer in layers.values()) == parameters
    assert layers["C3"].parameters == 2_416
    assert layers["S2"].parameters == layers["S4"].parameters == 0
    assert layers["S2"].connections == 4 * 6 * layers["S2"].side ** 2
    assert layers["output"].connections == layers["output"].parameters == 850


def test_blurred_pooling_has_nine_inputs_per_unit_and_no_parameters():
    s2 = layers_of("tanh_sgd", pooling="blur")[1]
    assert s2 == LayerShape("S2", 6, 14, 3, 2, 0, 9 * 6 * 14**2)
