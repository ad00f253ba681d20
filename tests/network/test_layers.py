"""Compare the layers of 1998 with plain NumPy."""

from functools import cache

import numpy as np
import pytest

from lenet.network import determinism

determinism.prepare()

import keras

from lenet.network.layers import RadialBasis, Subsampling, TableConv2D, scaled_tanh
from lenet.network.lenet_1998 import CODES, TABLE_I
from lenet.network.model import build_model, make_predictor


@pytest.fixture(scope="module")
def initialized(published, statistics):
    """Return a function that builds the paper's network with a given initialization.

    Each network is built only once; later calls return the same network.
    """

    def build(initialization):
        determinism.reset_and_seed(0)
        return build_model(published.model_copy(update={"initialization": initialization}), statistics)

    return cache(build)


@pytest.fixture(scope="module")
def network(initialized, published):
    return initialized(published.initialization)


def test_each_map_of_c3_adds_convolutions_of_the_maps_that_table_i_connects_it_to():
    layer = TableConv2D()
    inputs = np.random.default_rng(0).normal(size=(2, 7, 8, 6)).astype(np.float32)
    outputs = layer(inputs).numpy()
    kernel, bias = (weight.numpy() for weight in layer.weights)
    expected = np.zeros((2, 3, 4, 16)) + bias
    for connection, (input_map, output_map) in enumerate(np.argwhere(TABLE_I)):
        for i, j in np.ndindex(5, 5):
            expected[..., output_map] += kernel[i, j, connection] * inputs[:, i : i + 3, j : j + 4, input_map]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_subsampling_squashes_the_sum_of_four_inputs_times_a_coefficient_plus_a_bias():
    layer = Subsampling(scaled_tanh)
    inputs = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) / 16
    outputs = layer(inputs).numpy()[0, :, :, 0]
    coefficient, bias = (weight.numpy() for weight in layer.weights)
    totals = np.array([[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9 + 12 + 13, 10 + 11 + 14 + 15]]) / 16
    np.testing.assert_allclose(outputs, 1.7159 * np.tanh(2 / 3 * (coefficient * totals + bias)), rtol=1e-5)


def test_subsampling_with_glorot_initialization_starts_as_average_pooling():
    inputs = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    pooled = keras.layers.AveragePooling2D(2)(inputs)
    np.testing.assert_allclose(Subsampling(initialization="glorot")(inputs), pooled, rtol=1e-5, atol=1e-6)


def test_radial_basis_outputs_are_squared_distances_to_the_codes():
    distances = RadialBasis()(CODES).numpy()
    expected = ((CODES[:, None] - CODES[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    assert distances.argmin(axis=1).tolist() == list(range(10))


def test_probabilities_are_the_softmax_of_minus_half_the_distances(network, digits):
    images = digits.images[:50]
    distances = keras.Model(network.inputs[0], network.get_layer("rbf").output).predict(images, verbose=0)
    probabilities = make_predictor(network)(images)
    expected = np.exp(-(distances - distances.min(axis=1, keepdims=True)).astype(np.float64) / 2)
    np.testing.assert_allclose(probabilities, expected / expected.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-30)
    assert (probabilities.argmax(axis=1) == distances.argmin(axis=1)).all()


FAN_IN = {
    "c1": [25] * 6,
    "s2": [4] * 6,
    "c3": [75] * 6 + [100] * 9 + [150],
    "s4": [4] * 16,
    "c5": [400] * 120,
    "f6": [120] * 84,
}


@pytest.mark.parametrize(("name", "fan_in"), FAN_IN.items())
@pytest.mark.parametrize(
    ("initialization", "limit"), [("fan_in", lambda f: 2.4 / f), ("root_fan_in", lambda f: f**-0.5)]
)
def test_initial_weights_and_biases_stay_within_a_limit_that_follows_from_the_fan_in(
    initialized, name, fan_in, initialization, limit
):
    kernel, bias = (weight.numpy() for weight in initialized(initialization).get_layer(name).weights)
    units = np.argwhere(TABLE_I)[:, 1] if name == "c3" else np.arange(kernel.shape[-1])
    for weights, fan_ins in ((kernel, np.array(fan_in)[units]), (bias, np.array(fan_in))):
        fractions_of_limit = weights / limit(fan_ins)
        assert np.abs(fractions_of_limit).max() <= 1.00001
        # If many numbers are drawn uniformly, some come close to the limits.
        assert np.abs(fractions_of_limit).max() > (0.95 if weights.size > 100 else 0.3)


@pytest.mark.parametrize(("name", "fan_in"), FAN_IN.items())
@pytest.mark.parametrize(("initialization", "factor"), [("authors", 1.0), ("authors_fitted", 1.2)])
def test_authors_initialization_sets_biases_to_0_and_coefficients_to_a_positive_constant(
    initialized, initialization, factor, name, fan_in
):
    kernel, bias = (weight.numpy() for weight in initialized(initialization).get_layer(name).weights)
    assert not bias.any()
    limits = factor / np.sqrt(np.array(fan_in))
    if name in ("s2", "s4"):
        np.testing.assert_allclose(kernel, factor / 2, rtol=1e-6)
    else:
        units = np.argwhere(TABLE_I)[:, 1] if name == "c3" else np.arange(kernel.shape[-1])
        assert 0.95 < np.abs(kernel / limits[units]).max() <= 1.00001
