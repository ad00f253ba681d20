"""Check the accuracy of the approximated functions. test_sdlm.py compares all kernels together with a reference."""

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, SLOPE
from lenet.training.lenet_1998.kernels import exponential, squash


def test_squash_equals_the_papers_tanh_to_a_millionth():
    a = np.linspace(-20, 20, 400_001, dtype=np.float32)
    squashed = a.copy()
    squash(squashed)
    assert np.abs(squashed - AMPLITUDE * np.tanh(SLOPE * a.astype(np.float64))).max() < 1e-6


def test_exponential_agrees_with_numpy():
    x = np.linspace(-100, 0, 1001)
    assert np.allclose([exponential(value) for value in x], np.exp(x), rtol=1e-11, atol=0)
