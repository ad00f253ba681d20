"""The IDX file format, in which MNIST is published.

A file has two zero bytes, a byte for the type (0x08 = unsigned byte), a byte for the number of axes, the length of each
axis as a big-endian 32-bit number, and the data. Source: http://yann.lecun.com/exdb/mnist/
"""

import struct

import numpy as np

from lenet.errors import LabError

_UNSIGNED_BYTE = 0x08


def to_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of any shape as an IDX file."""
    if array.dtype != np.uint8:
        raise ValueError(f"expected an array of uint8, not {array.dtype}")
    header = struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array).tobytes()


def from_idx(content: bytes, name: str) -> np.ndarray:
    """Decode an IDX file of unsigned bytes into a read-only uint8 array.

    name: the file's name, for error messages.
    Raises LabError if the content is not an IDX file of unsigned bytes, or if it is truncated or too long.
    """
    try:
        zeros, data_type, axes = struct.unpack_from(">HBB", content)
        if (zeros, data_type) != (0, _UNSIGNED_BYTE):
            raise ValueError(f"it begins with the bytes {content[:4].hex(' ')}, expected 00 00 08")
        shape = struct.unpack_from(f">{axes}I", content, 4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (struct.error, ValueError) as error:
        raise LabError(f"{name} is not a valid IDX file of unsigned bytes: {error}: run `dvc repro download`") from None
