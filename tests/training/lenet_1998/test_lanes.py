"""Check two properties of operations on lanes to the last bit: the rounding, and the order of additions in a sum.

test_sdlm.py also checks the results of lanes, but its tolerance would hide a wrong rounding or a wrong order.
"""

import numpy as np
import pytest
from numba.core.errors import TypingError

from lenet.training.compiled import kernel
from lenet.training.lenet_1998.lanes import fma, load, spread, store, total


def random_numbers(*shape):
    return np.random.default_rng(len(shape)).uniform(-1, 1, shape).astype(np.float32)


@kernel
def _fused(a, b, c, from_lanes, from_number_and_lanes):
    store(fma(load(a, (0,), 8), load(b, (0,), 8), load(c, (0,), 8)), from_lanes, (0,))
    store(fma(a[0], load(b, (0,), 8), load(c, (0,), 8)), from_number_and_lanes, (0,))
    return fma(a[0], b[0], c[0])


def test_a_fused_multiply_add_is_rounded_once():
    # (1 + 2^-12)² − 1 − 2^-11 = 2^-24 exactly, and 0 if the square is rounded first.
    a = np.full(8, 1 + 2**-12, np.float32)
    from_lanes, from_number_and_lanes = np.empty(8, np.float32), np.empty(8, np.float32)
    from_numbers = _fused(a, a, np.full(8, -1 - 2**-11, np.float32), from_lanes, from_number_and_lanes)
    assert from_numbers == 2**-24
    assert (from_lanes == 2**-24).all()
    assert (from_number_and_lanes == 2**-24).all()


@kernel
def _total(numbers):
    return total(load(numbers, (0,), 24) + spread(np.float32(1), 24))


def test_the_total_first_adds_registers_and_then_halves_of_the_sum():
    numbers = random_numbers(24)
    sums = ((numbers + np.float32(1)).reshape(3, 8)).cumsum(axis=0, dtype=np.float32)[-1]
    for half in (4, 2, 1):
        sums = sums[:half] + sums[half:]
    assert _total(numbers) == sums[0]


@pytest.mark.parametrize("numbers", [random_numbers(24).astype(np.float64), random_numbers(48)[::2]])
def test_lanes_need_a_c_contiguous_array_of_float32(numbers):
    with pytest.raises(TypingError, match="lanes need a C-contiguous array of float32"):
        _total(numbers)
