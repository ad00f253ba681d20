"""Load the writers of the test images.

Images of the same writer tend to be misread together, so the statistics treat the writers, not the images, as the
random sample (comparison.py). mnist_test_writers.csv has a row for each of MNIST's 10,000 test images, in the order of
the test set: the label, NIST's series, and the writer. Employees of the Census Bureau wrote series 0, students wrote
series 4.

The table is derived from the labels of QMNIST (Yadav and Bottou, Cold Case: The Lost MNIST Digits, NeurIPS 2019;
repository facebookresearch/qmnist). QMNIST's licence notice is in mnist_test_writers.LICENSE, beside the table.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

_TABLE = "mnist_test_writers.csv"
_STUDENTS_SERIES = 4


@dataclass(frozen=True)
class Writers:
    """The writer of each test image, and the group of each writer.

    writer_of_image: int (images,), the index of the image's writer, from 0. groups: int (writers,), the index of the
    writer's group in `titles`. titles: the groups' names. numbers: int (writers,), the writer's number in NIST's data.
    """

    writer_of_image: np.ndarray
    groups: np.ndarray
    titles: Sequence[str]
    numbers: np.ndarray

    @property
    def are_known(self) -> bool:
        """Whether the writers are known. If they are not, each image has a writer of its own."""
        return len(self.groups) < len(self.writer_of_image)

    def group_means(self, values: np.ndarray) -> dict[str, float]:
        """Return the mean of `values` over each group's images: {group title: mean}. values: (images,)."""
        groups = self.groups[self.writer_of_image]
        return {title: float(values[groups == group].mean()) for group, title in enumerate(self.titles)}


def load_writers(dataset: str, test_size: int) -> Writers:
    """Return the writers of a data set's test images. If the writers are unknown, each image gets its own writer."""
    if dataset == "mnist" and test_size == 10_000:
        return _mnist_writers()
    return unknown_writers(test_size)


def unknown_writers(test_size: int) -> Writers:
    """Return writers for images whose writers are not known: one writer per image, all in one group."""
    return Writers(np.arange(test_size), np.zeros(test_size, int), ("unknown",), np.arange(test_size))


@cache
def _mnist_writers() -> Writers:
    _, *rows = csv.reader(files("lenet.evaluation").joinpath(_TABLE).read_text(encoding="utf-8").splitlines())
    series_and_numbers, writer_of_image = np.unique(np.array(rows, int)[:, 1:], axis=0, return_inverse=True)
    series, numbers = series_and_numbers.T
    return Writers(
        writer_of_image.reshape(-1), (series == _STUDENTS_SERIES).astype(int), ("employees", "students"), numbers
    )
