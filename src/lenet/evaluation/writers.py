"""Who wrote the test digits: those of one writer are misread together, so that writers are what chance chose.

For MNIST's 10,000 test digits, mnist_test_writers.csv has label, NIST's series and the writer, in the order of the test
set. It is derived from the labels of QMNIST (Yadav and Bottou, Cold Case: The Lost MNIST Digits, NeurIPS 2019;
repository facebookresearch/qmnist), whose licence notice lies beside it. Employees wrote series 0, students series 4.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

_TABLE = "mnist_test_writers.csv"
EMPLOYEES, STUDENTS = "employees", "students"
_STUDENTS_SERIES = 4


@dataclass(frozen=True)
class Writers:
    """Which digits are of one writer, and which writers are of one group.

    writer_of_image: int (digits,), each digit's writer, counted from 0. groups: int (writers,), each writer's group, counted
    from 0, by the names in `titles`. numbers: int (writers,), NIST's.
    """

    writer_of_image: np.ndarray
    groups: np.ndarray
    titles: Sequence[str]
    numbers: np.ndarray

    @property
    def are_known(self) -> bool:
        """Whether some writer wrote several of the digits."""
        return len(self.groups) < len(self.writer_of_image)

    def means(self, values: np.ndarray) -> dict[str, float]:
        """Return the mean over each group's digits, by its title; values: (digits,)."""
        groups = self.groups[self.writer_of_image]
        return {title: float(values[groups == group].mean()) for group, title in enumerate(self.titles)}


def load_writers(dataset: str, digits: int) -> Writers:
    """Return the writers of a data set's test digits; where they are not known, each digit has one of its own."""
    if dataset == "mnist" and digits == 10_000:
        return _of_mnist()
    return unknown_writers(digits)


def unknown_writers(digits: int) -> Writers:
    """Return a writer for each digit, all of one group."""
    return Writers(np.arange(digits), np.zeros(digits, int), ("unknown",), np.arange(digits))


@cache
def _of_mnist() -> Writers:
    _, *rows = csv.reader(files("lenet.evaluation").joinpath(_TABLE).read_text(encoding="utf-8").splitlines())
    known, of_digits = np.unique(np.array(rows, int)[:, 1:], axis=0, return_inverse=True)
    series, numbers = known.T
    return Writers(of_digits.reshape(-1), (series == _STUDENTS_SERIES).astype(int), (EMPLOYEES, STUDENTS), numbers)
