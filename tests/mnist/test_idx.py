import re
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, result_or_refusal

from lenet.errors import LabError
from lenet.mnist import idx

NAME = "data/raw/some-idx3-ubyte"


@pytest.mark.parametrize("shape", [(7,), (3, 28, 28), (2, 1, 4, 3)])
def test_an_array_survives_the_way_to_idx_and_back(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(idx.from_idx(idx.to_idx(array), NAME), array, strict=True)


def test_an_idx_file_is_laid_out_as_the_format_says():
    array = np.array([[1, 2, 3], [4, 5, 255]], np.uint8)
    assert idx.to_idx(array).hex(" ") == "00 00 08 02 00 00 00 02 00 00 00 03 01 02 03 04 05 ff"


def test_an_array_with_another_order_in_memory_is_encoded_the_same():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert idx.to_idx(np.asfortranarray(array)) == idx.to_idx(array)


def test_encoding_refuses_anything_but_unsigned_bytes():
    with pytest.raises(ValueError, match="float32"):
        idx.to_idx(np.zeros((2, 2), np.float32))


def test_a_decoded_array_cannot_be_changed_by_accident():
    array = idx.from_idx(idx.to_idx(np.zeros(3, np.uint8)), NAME)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_foreign_file_is_refused_with_its_name_and_first_bytes():
    with pytest.raises(LabError, match=rf"{NAME} is not an IDX file.*3c 68 74 6d"):
        idx.from_idx(b"<html></html>", NAME)


def test_an_empty_file_is_refused():
    with pytest.raises(LabError, match="its first bytes are none"):
        idx.from_idx(b"", NAME)


def test_an_idx_file_of_another_type_is_refused():
    floats = struct.pack(">BBBBI", 0, 0, 0x0D, 1, 1) + struct.pack(">f", 1.0)
    with pytest.raises(LabError, match="not an IDX file of unsigned bytes"):
        idx.from_idx(floats, NAME)


@pytest.mark.parametrize("length", [4, 8, 15])
def test_a_header_that_is_cut_off_is_refused(length):
    content = idx.to_idx(np.zeros((2, 28, 28), np.uint8))
    with pytest.raises(LabError, match=f"{NAME} is damaged: the header of 3 axes is cut off"):
        idx.from_idx(content[:length], NAME)


def test_a_header_without_axes_is_refused():
    with pytest.raises(LabError, match="its header says 0 axes: expected 1 to 8"):
        idx.from_idx(bytes((0, 0, 8, 0)) + b"x", NAME)


@pytest.mark.parametrize(("change", "has"), [(lambda data: data[:-1], 1567), (lambda data: data + b"\0", 1569)])
def test_data_that_does_not_fit_the_header_is_refused_with_both_counts(change, has):
    content = change(idx.to_idx(np.zeros((2, 28, 28), np.uint8)))
    with pytest.raises(LabError, match=f"header says 1568 bytes of data, it has {has}"):
        idx.from_idx(content, NAME)


def test_counts_whose_product_would_overflow_are_refused():
    # 2¹⁶ × 2¹⁶ × 2¹⁶ × 2¹⁶ is 0 in 64 bits: the very number of bytes that follow.
    content = struct.pack(">BBBB4I", 0, 0, 8, 4, *[1 << 16] * 4)
    with pytest.raises(LabError, match=f"header says {1 << 64} bytes of data, it has 0"):
        idx.from_idx(content, NAME)


@pytest.mark.parametrize("axes", [9, 64, 65, 255])
def test_more_axes_than_any_file_of_digits_has_are_refused(axes):
    content = struct.pack(f">BBBB{axes}IB", 0, 0, 8, axes, *[1] * axes, 7)
    with pytest.raises(LabError, match=f"^{NAME} is damaged: its header says {axes} axes: expected 1 to 8$"):
        idx.from_idx(content, NAME)


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (28, 0, 28), (2**32 - 1, 2**32 - 1, 0)])
def test_an_axis_of_length_zero_is_refused(shape):
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    with pytest.raises(LabError, match=f"^{NAME} is empty: its header says {re.escape(str(shape))}$"):
        idx.from_idx(content, NAME)


def test_a_header_that_claims_a_billion_images_takes_no_memory():
    content = struct.pack(">BBBB3I", 0, 0, 8, 3, 10**9, 1000, 1000)
    tracemalloc.start()
    try:
        with pytest.raises(LabError, match="header says 1000000000000000 bytes of data, it has 0"):
            idx.from_idx(content, NAME)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


WHOLE = idx.to_idx(np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3))
HEADERS = st.builds(
    lambda axes, lengths, data: bytes((0, 0, 8, axes)) + struct.pack(f">{len(lengths)}I", *lengths) + data,
    st.integers(0, 255),
    st.lists(st.integers(0, 4) | st.integers(0, 2**32 - 1), max_size=10),
    st.binary(max_size=40),
)


@given(st.binary(max_size=60) | HEADERS | damaged(WHOLE))
def test_whatever_the_bytes_they_are_an_array_with_all_of_them_or_refused(content):
    array, refusal = result_or_refusal(LabError, idx.from_idx, content, NAME)
    if refusal:
        assert refusal.startswith(NAME)
    else:
        assert array.dtype == np.uint8
        assert array.size
        assert idx.to_idx(array) == content
