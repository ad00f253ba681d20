"""Single kernels against NumPy; test_sdlm.py holds all of them together against a reference."""

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, SLOPE
from lenet.training.compiled import kernel
from lenet.training.lenet_1998.kernels import Units, exponential, slope, squash, sub_backward, sub_forward, sub_update


def scaled_tanh(a):
    return AMPLITUDE * np.tanh(SLOPE * a.astype(np.float64))


def noise(*shape):
    return np.random.default_rng(len(shape)).uniform(-1, 1, shape).astype(np.float32)


def test_squash_is_the_paper_s_tanh_to_a_millionth():
    a = np.linspace(-20, 20, 400_001, dtype=np.float32)
    squashed = a.copy()
    squash(squashed)
    assert np.abs(squashed - scaled_tanh(a)).max() < 1e-6


def test_the_slope_follows_from_the_state():
    a, step = np.linspace(-3, 3, 601, dtype=np.float32), 1e-4
    slopes = np.empty_like(a)
    slope(scaled_tanh(a).astype(np.float32), slopes)
    np.testing.assert_allclose(slopes, (scaled_tanh(a + step) - scaled_tanh(a - step)) / (2 * step), atol=1e-3)


def test_exponential_needs_no_mathematical_library():
    x = np.linspace(-100, 0, 1001)
    assert np.allclose([exponential(value) for value in x], np.exp(x), rtol=1e-11, atol=0)


@kernel
def subsampled(below, coefficient, bias, sums, outputs):
    sub_forward(below, coefficient, bias, sums, outputs, 16)


def test_subsampling_adds_squares_of_four():
    below, coefficient, bias = noise(8, 8, 16), noise(16), noise(16)
    sums, outputs = np.zeros((4, 4, 16), np.float32), np.zeros((4, 4, 16), np.float32)
    subsampled(below, coefficient, bias, sums, outputs)
    expected = below.reshape(4, 2, 4, 2, 16).sum(axis=(1, 3))
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs, scaled_tanh(coefficient * expected + bias), rtol=1e-5, atol=1e-6)


@kernel
def sent_back(coefficient, delta, delta_below):
    sub_backward(coefficient, delta, delta_below, 8)


def test_each_of_the_four_gets_the_derivative_times_the_coefficient():
    delta, coefficient = noise(4, 4, 8), noise(8)
    delta_below = np.zeros((8, 8, 8), np.float32)
    sent_back(coefficient, delta, delta_below)
    np.testing.assert_array_equal(delta_below, (coefficient * delta).repeat(2, axis=0).repeat(2, axis=1))


@kernel
def updated(sums, delta, coefficient, bias, steps, steps_bias):
    sub_update(sums, delta, coefficient, bias, steps, steps_bias, 8)


def test_a_coefficient_s_derivative_is_summed_over_its_map():
    sums, delta = noise(4, 4, 8), noise(4, 4, 8)[::-1].copy()
    coefficient, bias = np.zeros(8, np.float32), np.zeros(8, np.float32)
    updated(sums, delta, coefficient, bias, np.full(8, -1, np.float32), np.full(8, -2, np.float32))
    np.testing.assert_allclose(coefficient, -(sums * delta).sum(axis=(0, 1)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias, -2 * delta.sum(axis=(0, 1)), rtol=1e-4, atol=1e-5)


def test_units_share_one_array():
    units = Units.zeros()
    units.all[:] = 1
    assert sum(part.sum() for part in units[1:]) == units.all.size
