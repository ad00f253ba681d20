"""The IDX file format, in which MNIST is published."""

import struct

import numpy as np

from lenet.errors import LabError

# The format (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type (0x08 = unsigned byte), the number of axes,
# the length of each axis as a big-endian 32-bit number, the data.
_UNSIGNED_BYTE = 0x08
_MOST_AXES = 8


def to_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of any shape as an IDX file."""
    if array.dtype != np.uint8:
        raise ValueError(f"IDX files here hold unsigned bytes, not {array.dtype}")
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array).tobytes()


def from_idx(content: bytes, name: str) -> np.ndarray:
    """Decode an IDX file of unsigned bytes into a read-only uint8 array.

    `name` is that of the file, for the message. Raises LabError if the header is not that of such a file, if the
    array would be empty, or if its counts do not match the number of bytes.
    """
    if len(content) < 4 or content[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise LabError(
            f"{name} is not an IDX file of unsigned bytes: its first bytes are {content[:4].hex(' ') or 'none'}"
        )
    axes = content[3]
    if not 1 <= axes <= _MOST_AXES:
        raise LabError(f"{name} is damaged: its header says {axes} axes: expected 1 to {_MOST_AXES}")
    start = 4 + 4 * axes
    if len(content) < start:
        raise LabError(f"{name} is damaged: the header of {axes} axes is cut off")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if 0 in shape:
        raise LabError(f"{name} is empty: its header says {shape}")
    expected = int(np.prod(shape, dtype=object))
    if len(content) - start != expected:
        raise LabError(f"{name} is damaged: its header says {expected} bytes of data, it has {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
