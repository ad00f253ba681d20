import numpy as np

from lenet.training.compiled import kernel


@kernel
def _products_and_sums(a, b, c):
    return a * b + c


def test_a_product_is_rounded_before_it_is_added_to():
    one_and_a_bit = np.float32(1 + 2**-12)
    # Exactly, the square is 1 + 2^-11 + 2^-24; its last term is lost in rounding, and would survive a fused one.
    # As an exact float64 shows: (1 + 2^-12)² − 1 − 2^-11 = 2^-24.
    assert float(one_and_a_bit) ** 2 - 1 - 2**-11 == 2**-24
    assert _products_and_sums(one_and_a_bit, one_and_a_bit, np.float32(-1 - 2**-11)) == 0


def test_numba_compiles_for_no_other_processor():
    import numba

    assert numba.config.CPU_NAME == "haswell"
    assert "-fma" in numba.config.CPU_FEATURES
