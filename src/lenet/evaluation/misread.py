"""Find, save and load the test images that a variant's networks misread: reports/misread/<variant>.csv.

Git tracks the file as plain text. It has a row for each image that the network of at least one seed misreads. The
columns are the image's index in the test set ("digit"), its label, and for each seed the answer of the seed's network.
If an image has no row, all networks of the variant read it correctly. So the statistics of the comparison need only
this table and the number of test images.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenet.evaluation.results import unreadable
from lenet.workspace import MISREAD, atomic_write

_COLUMNS = ("digit", "label")


@dataclass(frozen=True)
class Misread:
    """The k images that at least one of a variant's networks misreads.

    indices: int (k,), the images' indices in the test set, ascending. labels: int (k,). answers: int (seeds, k), the
    class that each network chose, right or wrong.
    """

    indices: np.ndarray
    labels: np.ndarray
    answers: np.ndarray

    def wrong(self, test_size: int) -> np.ndarray:
        """Return whether each seed's network misreads each test image: bool (seeds, images)."""
        wrong = np.zeros((len(self.answers), test_size), bool)
        wrong[:, self.indices] = self.answers != self.labels
        return wrong


def find_misread(answers: np.ndarray, labels: np.ndarray) -> Misread:
    """Return the images that at least one of a variant's networks misreads.

    answers: int (seeds, images), the predicted classes. labels: (images,).
    """
    (indices,) = np.nonzero((answers != labels).any(axis=0))
    return Misread(indices, labels[indices].astype(int), answers[:, indices])


def most_confident_mistakes(probabilities: np.ndarray, labels: np.ndarray, count: int) -> dict[int, str]:
    """Return up to `count` misread images, the most confident mistake first: index → caption, as in "4 as 9: 97 %".

    probabilities: float32 (n, 10). labels: uint8 (n,).
    """
    answers = probabilities.argmax(axis=1)
    confidence = np.where(answers != labels, probabilities.max(axis=1), 0.0)
    worst = [index for index in np.argsort(-confidence, kind="stable")[:count].tolist() if confidence[index] > 0]
    return {index: f"{labels[index]} as {answers[index]}: {100 * confidence[index]:.0f} %" for index in worst}


def save_misread(variant: str, misread: Misread, seeds: Sequence[int]) -> None:
    with atomic_write(MISREAD / f"{variant}.csv") as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_COLUMNS, *(f"seed {seed}" for seed in seeds)])
        writer.writerows(np.column_stack([misread.indices, misread.labels, misread.answers.T]).tolist())


def load_misread(variant: str) -> Misread:
    """Read reports/misread/<variant>.csv. Raise LabError if the file is missing or damaged."""
    path = MISREAD / f"{variant}.csv"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        table = np.array(rows, int).reshape(len(rows), len(header))
    except (FileNotFoundError, ValueError) as error:
        raise unreadable(path, variant, error) from None
    return Misread(table[:, 0], table[:, 1], table[:, 2:].T)
