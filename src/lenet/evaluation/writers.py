"""Who wrote the test digits: those of one writer are misread together, so that writers are what chance chose.

For MNIST's 10,000 test digits, mnist_test_writers.csv names the writers, in the order of the test set. It is derived
from the labels of QMNIST (Yadav and Bottou, Cold Case: The Lost MNIST Digits, NeurIPS 2019; repository
facebookresearch/qmnist), whose licence notice lies beside it. Employees wrote NIST's series 0 and 1, students series 4.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

_TABLE = "mnist_test_writers.csv"
EMPLOYEES, STUDENTS = "employees", "students"


@dataclass(frozen=True)
class Writers:
    """Which digits are of one writer, and which writers are of one group.

    of_digits: int (digits,), each digit's writer, counted from 0. groups: int (writers,), each writer's group, counted
    from 0, by the names in `titles`.
    """

    of_digits: np.ndarray
    groups: np.ndarray
    titles: Sequence[str]

    @property
    def are_known(self) -> bool:
        """Whether some writer wrote several of the digits."""
        return len(self.groups) < len(self.of_digits)


def load_writers(dataset: str, digits: int) -> Writers:
    """Return the writers of a data set's test digits; where they are not known, each digit has one of its own."""
    if dataset == "mnist" and digits == 10_000:
        return _of_mnist()
    return unknown_writers(digits)


def unknown_writers(digits: int) -> Writers:
    """Return a writer for each digit, all of one group."""
    return Writers(np.arange(digits), np.zeros(digits, int), ("unknown",))


@cache
def _of_mnist() -> Writers:
    with files(__package__).joinpath(_TABLE).open(encoding="utf-8", newline="") as file:
        rows = [(int(row["series"]), int(row["writer"])) for row in csv.DictReader(file)]
    # A writer's number is unique in a series only.
    known, of_digits = np.unique(rows, axis=0, return_inverse=True)
    return Writers(of_digits.reshape(-1), (known[:, 0] == 4).astype(int), (EMPLOYEES, STUDENTS))
