import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, result_or_refusal

from lenet.errors import LabError
from lenet.mnist import idx

NAME = "data/raw/some-idx3-ubyte"
WHOLE = idx.to_idx(np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3))


def header(*lengths, kind=8, axes=None):
    return struct.pack(f">HBB{len(lengths)}I", 0, kind, len(lengths) if axes is None else axes, *lengths)


def test_an_array_of_any_memory_order_is_encoded_in_the_published_format_and_decoded_read_only():
    array = np.array([[1, 2, 3], [4, 5, 255]], np.uint8)
    for ordered in (array, np.asfortranarray(array)):
        content = idx.to_idx(ordered)
        assert content.hex(" ") == "00 00 08 02 00 00 00 02 00 00 00 03 01 02 03 04 05 ff"
    decoded = idx.from_idx(content, NAME)
    np.testing.assert_array_equal(decoded, array, strict=True)
    assert not decoded.flags.writeable


def test_encoding_refuses_anything_but_unsigned_bytes():
    with pytest.raises(ValueError, match="float32"):
        idx.to_idx(np.zeros((2, 2), np.float32))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "requires a buffer of at least 4 bytes", id="empty"),
        pytest.param(
            header(1, kind=0x0D) + bytes(4), "it begins with the bytes 00 00 0d 01, expected 00 00 08", id="floats"
        ),
        pytest.param(WHOLE[:-1], r"array of size 23 into shape \(2,4,3\)", id="cut in the data"),
        pytest.param(WHOLE + b"\0", r"array of size 25 into shape \(2,4,3\)", id="with a tail"),
        # 2¹⁶ × 2¹⁶ × 2¹⁶ × 2¹⁶ overflows to 0 in 64 bits, and 0 bytes follow.
        pytest.param(header(*[1 << 16] * 4), "array of size 0 into shape", id="a product that overflows"),
    ],
)
def test_a_file_of_another_kind_or_of_the_wrong_length_is_refused_with_the_reason(content, reason):
    with pytest.raises(LabError, match=rf"^{NAME} is not a valid IDX file .*{reason}.*: run `dvc repro download`$"):
        idx.from_idx(content, NAME)


HEADERS = st.builds(
    lambda axes, lengths, data: header(*lengths, axes=axes) + data,
    st.integers(0, 255),
    st.lists(st.integers(0, 4) | st.integers(0, 2**32 - 1), max_size=10),
    st.binary(max_size=40),
)


@given(st.binary(max_size=60) | HEADERS | damaged(WHOLE))
def test_any_bytes_are_decoded_completely_or_refused(content):
    array, refusal = result_or_refusal(LabError, idx.from_idx, content, NAME)
    if refusal:
        assert refusal.startswith(NAME)
    else:
        assert array.dtype == np.uint8
        assert idx.to_idx(array) == content
