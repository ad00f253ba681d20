import numpy as np
import pytest
from numba.core.errors import TypingError

from lenet.training.compiled import kernel
from lenet.training.lenet_1998.lanes import Lanes, add_outer, fma, load, repeat, spread, store, total


def noise(*shape):
    return np.random.default_rng(len(shape)).uniform(-1, 1, shape).astype(np.float32)


@kernel
def _copied(source, target):
    store(load(source, (1, 2), 24), target, (0, 3))


def test_lanes_are_loaded_from_an_index_on_and_stored_from_another():
    source, target = noise(3, 40), np.zeros((2, 32), np.float32)
    _copied(source, target)
    np.testing.assert_array_equal(target[0, 3:27], source[1, 2:26])
    assert np.count_nonzero(target) == 24


@kernel
def _sum_and_product(a, b, sums, products):
    store(load(a, (0,), 16) + load(b, (0,), 16), sums, (0,))
    store(load(a, (0,), 16) * load(b, (0,), 16), products, (0,))


def test_lanes_are_added_and_multiplied_one_by_one():
    a, b, sums, products = noise(16), noise(16)[::-1].copy(), np.empty(16, np.float32), np.empty(16, np.float32)
    _sum_and_product(a, b, sums, products)
    np.testing.assert_array_equal(sums, a + b)
    np.testing.assert_array_equal(products, a * b)


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
def _outer(sums, numbers, row):
    store(add_outer(load(sums, (0, 0), 48), numbers, (1, 2), 5, load(row, (0,), 16)), sums, (0, 0))


def test_an_outer_product_is_added_to_rows_of_sums():
    sums, numbers, row = noise(3, 16), noise(4, 8), noise(16)
    expected = sums + numbers.ravel()[[10, 15, 20]][:, None] * row
    _outer(sums, numbers, row)
    np.testing.assert_allclose(sums, expected, rtol=1e-6, atol=1e-7)


@kernel
def _repeated(row, target):
    store(repeat(load(row, (0,), 8), 3), target, (0,))


def test_lanes_are_repeated_end_to_end():
    row, target = noise(8), np.empty(24, np.float32)
    _repeated(row, target)
    np.testing.assert_array_equal(target, np.tile(row, 3))


@kernel
def _total(numbers):
    return total(load(numbers, (0,), 24) + spread(np.float32(1), 24))


def test_the_total_adds_registers_first_and_then_halves():
    numbers = noise(24)
    sums = ((numbers + np.float32(1)).reshape(3, 8)).cumsum(axis=0, dtype=np.float32)[-1]
    for half in (4, 2, 1):
        sums = sums[:half] + sums[half:]
    assert _total(numbers) == sums[0]


def test_the_number_of_lanes_is_a_multiple_of_eight():
    with pytest.raises(ValueError, match="12 lanes are no multiple of 8"):
        Lanes(12)


@kernel
def _mixed(numbers):
    return total(load(numbers, (0,), 8) + load(numbers, (0,), 16))


@kernel
def _of_sixteen(numbers):
    return total(load(numbers, (0,), 16))


def test_lanes_of_different_number_do_not_mix():
    with pytest.raises(TypingError):
        _mixed(noise(16))


@pytest.mark.parametrize("numbers", [noise(16).astype(np.float64), noise(32)[::2], np.asfortranarray(noise(4, 16))[0]])
def test_only_plain_arrays_have_lanes(numbers):
    with pytest.raises(TypingError, match="lanes are of C-contiguous arrays of float32"):
        _of_sixteen(numbers)
