"""The splits and their statistics. The stage preprocess writes them; the later stages read them."""

import hashlib
import json
import math
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lenet.errors import LabError
from lenet.workspace import PROCESSED, atomic_write

STATISTICS = PROCESSED / "statistics.json"


@dataclass(frozen=True)
class Split:
    """Images with their labels. images: uint8 (n, 28, 28), 0 = background; labels: uint8 (n,), 0–9."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def joined(self, other: "Split") -> "Split":
        """Return the examples of this split, followed by the examples of `other`."""
        return Split(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))

    def selected(self, indices: np.ndarray) -> "Split":
        """Return the examples with these indices, in the order of this split.

        The order of `indices` does not matter, so equal sets of indices give equal bytes.
        """
        order = np.sort(indices)
        return Split(self.images[order], self.labels[order])


@dataclass(frozen=True)
class Statistics:
    """The settings of the stage preprocess, and the statistics of the splits that it made.

    examples_per_class: split → number of images of each class. pixel_mean, pixel_sd: mean and standard deviation of the
    training split's pixels, on the scale 0–255.
    """

    dataset: str
    validation_size: float
    split_seed: int
    examples_per_class: Mapping[str, list[int]]
    pixel_mean: float
    pixel_sd: float


def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of uint8 pixels.

    Only the last step of the calculation uses floats, so every machine returns the same numbers, bit for bit.
    """
    histogram = [int(count) for count in np.bincount(images.ravel(), minlength=256)]
    n = sum(histogram)
    total = sum(value * count for value, count in enumerate(histogram))
    squares = sum(value * value * count for value, count in enumerate(histogram))
    return total / n, math.sqrt(n * squares - total * total) / n


def split_path(name: str) -> Path:
    """Return the path of a split: train, validation or test."""
    return PROCESSED / f"{name}.npz"


def save_split(path: Path, split: Split) -> None:
    """Write a split. Equal splits give equal bytes, because NumPy writes no time into the archive."""
    with atomic_write(path) as partial, open(partial, "wb") as file:
        np.savez(file, images=split.images, labels=split.labels)


def read_arrays(path: Path, names: Iterable[str], hint: str) -> dict[str, np.ndarray]:
    """Read arrays of an .npz file; raise LabError if the file is missing or damaged.

    hint: what the user should do after this error.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (FileNotFoundError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise LabError(f"{path} cannot be read ({error}): {hint}") from None


def load_split(name: str) -> Split:
    """Read a split; raise LabError if its file is missing or damaged, or has another format."""
    path, hint = split_path(name), "run `dvc repro preprocess`"
    split = Split(**read_arrays(path, ("images", "labels"), hint))
    if split.images.shape != (len(split), 28, 28) or split.images.dtype != np.uint8:
        content = f"{split.images.dtype} images of shape {split.images.shape}"
        raise LabError(f"{path} contains {content}, not uint8 images of shape (n, 28, 28): {hint}")
    return split


def save_statistics(statistics: Statistics) -> None:
    with atomic_write(STATISTICS) as partial:
        partial.write_text(json.dumps(asdict(statistics), indent=2) + "\n", encoding="utf-8")


def load_statistics() -> Statistics:
    """Read the statistics; raise LabError if the file is missing or damaged."""
    try:
        return Statistics(**json.loads(STATISTICS.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise LabError(f"{STATISTICS} cannot be read ({error}): run `dvc repro preprocess`") from None


def split_md5(name: str) -> str:
    """Return the MD5 of a split's file. The same MD5 names the file in DVC's cache and in dvc.lock."""
    with open(split_path(name), "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
