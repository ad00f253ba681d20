"""The test digits that networks misread, as plain text in git: reports/misread/<variant>.csv.

A row per digit that some seed's network misreads: its index in the test set, its label, and each seed's answer. All
other digits were read right by all seeds, so this is all that the statistics of the comparison need.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenet.errors import LabError
from lenet.workspace import MISREAD, atomic_write

_COLUMNS = ("digit", "label")


@dataclass(frozen=True)
class Misread:
    """What a variant's networks misread.

    indices: int (k,), ascending; labels: int (k,); answers: int (seeds, k), right or wrong.
    """

    indices: np.ndarray
    labels: np.ndarray
    answers: np.ndarray

    def wrong(self, test_size: int) -> np.ndarray:
        """Return whether the network of a seed misreads a digit: bool (seeds, images)."""
        wrong = np.zeros((len(self.answers), test_size), bool)
        wrong[:, self.indices] = self.answers != self.labels
        return wrong


def find_misread(answers: np.ndarray, labels: np.ndarray) -> Misread:
    """Return what is misread; answers: (seeds, n), labels: (n,)."""
    (indices,) = np.nonzero((answers != labels).any(axis=0))
    return Misread(indices, labels[indices].astype(int), answers[:, indices])


def save_misread(variant: str, misread: Misread, seeds: Sequence[int]) -> None:
    """Write the table of a variant's misread digits."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"seed {seed}" for seed in seeds)])
    writer.writerows(np.column_stack([misread.indices, misread.labels, misread.answers.T]).tolist())
    with atomic_write(MISREAD / f"{variant}.csv") as partial:
        partial.write_text(table.getvalue(), encoding="utf-8")


def load_misread(variant: str) -> Misread:
    """Read the table; raise LabError if it is missing or damaged."""
    path = MISREAD / f"{variant}.csv"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        table = np.array(rows, int).reshape(len(rows), len(header))
    except (FileNotFoundError, ValueError) as error:
        raise LabError(f"{path} cannot be read ({error}): run `dvc repro evaluate@{variant}`") from None
    return Misread(table[:, 0], table[:, 1], table[:, 2:].T)
