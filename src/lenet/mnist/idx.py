"""The digits: MNIST's four IDX files (format, digests, where they are served) and a bundled stand-in."""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lenet.errors import LabError

# Format: http://yann.lecun.com/exdb/mnist/: two zero bytes, the type (0x08 = unsigned byte), the number of
# axes, then each axis as a big-endian 32-bit count, then the bytes.
_UNSIGNED_BYTE = 0x08


@dataclass(frozen=True)
class KnownFile:
    """A file known by its content: its name, size in bytes and SHA-256, both of the uncompressed content."""

    name: str
    size: int
    sha256: str

    def holds(self, content: bytes) -> bool:
        """Whether `content` is this very file, whatever mirror served it."""
        return len(content) == self.size and hashlib.sha256(content).hexdigest() == self.sha256


TRAIN_IMAGES = KnownFile(
    "train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
)
TRAIN_LABELS = KnownFile(
    "train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
)
TEST_IMAGES = KnownFile(
    "t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
)
TEST_LABELS = KnownFile(
    "t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

# Each serves the four names plus ".gz".
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# One archive with the four arrays under names of its own.
KERAS_NPZ = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
KERAS_ARCHIVE = KnownFile("mnist.npz", 11_490_434, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")
KERAS_NAMES = {TRAIN_IMAGES: "x_train", TRAIN_LABELS: "y_train", TEST_IMAGES: "x_test", TEST_LABELS: "y_test"}


def to_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of any shape as an IDX file."""
    if array.dtype != np.uint8:
        raise ValueError(f"IDX files here hold unsigned bytes, not {array.dtype}")
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array).tobytes()


def from_idx(content: bytes, name: str) -> np.ndarray:
    """Decode an IDX file of unsigned bytes into a read-only uint8 array.

    `name` is the file's, for the message. Raises LabError for a foreign or damaged header and where the
    header's counts do not match the number of bytes.
    """
    if len(content) < 4 or content[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise LabError(
            f"{name} is not an IDX file of unsigned bytes: its first bytes are {content[:4].hex(' ') or 'none'}"
        )
    axes = content[3]
    start = 4 + 4 * axes
    if axes == 0 or len(content) < start:
        raise LabError(f"{name} is damaged: the header of {axes} axes is cut off")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = int(np.prod(shape, dtype=object))
    if len(content) - start != expected:
        raise LabError(f"{name} is damaged: its header says {expected} bytes of data, it has {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def bundled_digits() -> Mapping[KnownFile, np.ndarray]:
    """Return scikit-learn's 1,797 handwritten 8×8 digits as if they were MNIST's four arrays.

    Each pixel becomes 3×3 and a border of 2 makes 28×28; the grey levels 0–16 are stretched to 0–255. The
    last fifth is the test set, as it stands, so that other hands wrote most of it.
    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    from sklearn.datasets import load_digits  # slow to import, and needed for this data set alone

    digits = load_digits()
    grey = (digits.images.astype(np.uint16) * 255 // 16).astype(np.uint8)
    images = np.pad(grey.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    labels = digits.target.astype(np.uint8)
    test = len(images) // 5
    return {
        TRAIN_IMAGES: images[:-test],
        TRAIN_LABELS: labels[:-test],
        TEST_IMAGES: images[-test:],
        TEST_LABELS: labels[-test:],
    }
