"""How exact the approximations are; test_sdlm.py holds all kernels together against a reference."""

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, SLOPE
from lenet.training.lenet_1998.kernels import exponential, squash


def test_squash_is_the_paper_s_tanh_to_a_millionth():
    a = np.linspace(-20, 20, 400_001, dtype=np.float32)
    squashed = a.copy()
    squash(squashed)
    assert np.abs(squashed - AMPLITUDE * np.tanh(SLOPE * a.astype(np.float64))).max() < 1e-6


def test_exponential_needs_no_mathematical_library():
    x = np.linspace(-100, 0, 1001)
    assert np.allclose([exponential(value) for value in x], np.exp(x), rtol=1e-11, atol=0)
