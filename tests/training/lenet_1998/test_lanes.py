"""What of lanes a tolerance hides; that they add and multiply the right numbers, test_sdlm.py shows."""

import numpy as np
import pytest
from numba.core.errors import TypingError

from lenet.training.compiled import kernel
from lenet.training.lenet_1998.lanes import fma, load, spread, store, total


def noise(*shape):
    return np.random.default_rng(len(shape)).uniform(-1, 1, shape).astype(np.float32)


@kernel
def _fused(a, b, c, of_lanes, by_a_number):
    store(fma(load(a, (0,), 8), load(b, (0,), 8), load(c, (0,), 8)), of_lanes, (0,))
    store(fma(a[0], load(b, (0,), 8), load(c, (0,), 8)), by_a_number, (0,))
    return fma(a[0], b[0], c[0])


def test_a_fused_multiply_add_is_rounded_once():
    # (1 + 2^-12)² − 1 − 2^-11 = 2^-24 exactly, and 0 if the square is rounded first.
    a = np.full(8, 1 + 2**-12, np.float32)
    of_lanes, by_a_number = np.empty(8, np.float32), np.empty(8, np.float32)
    number = _fused(a, a, np.full(8, -1 - 2**-11, np.float32), of_lanes, by_a_number)
    assert number == 2**-24
    assert (of_lanes == 2**-24).all()
    assert (by_a_number == 2**-24).all()


@kernel
def _total(numbers):
    return total(load(numbers, (0,), 24) + spread(np.float32(1), 24))


def test_the_total_adds_registers_first_and_then_halves():
    numbers = noise(24)
    sums = ((numbers + np.float32(1)).reshape(3, 8)).cumsum(axis=0, dtype=np.float32)[-1]
    for half in (4, 2, 1):
        sums = sums[:half] + sums[half:]
    assert _total(numbers) == sums[0]


@pytest.mark.parametrize("numbers", [noise(24).astype(np.float64), noise(48)[::2]])
def test_only_plain_arrays_have_lanes(numbers):
    with pytest.raises(TypingError, match="lanes are of C-contiguous arrays of float32"):
        _total(numbers)
