"""Save and load reports/examples.csv: the test images that the page shows, with probabilities.

Each image has the probability that the networks give to its label.

The probabilities are computed from the predictions, which git does not track. The page reads the probabilities from
reports/examples.csv, so the page can be made without the predictions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lenet.errors import LabError
from lenet.evaluation.predictions import Predictions
from lenet.evaluation.study import Study
from lenet.mnist.splits import Split
from lenet.report import misread_images
from lenet.report.tables import write_csv
from lenet.workspace import EXAMPLES


@dataclass(frozen=True)
class Example:
    """A test image that the page shows.

    probabilities: variant → the mean probability that the variant's networks give to the image's label. The variants
    are `study.original` and `study.top`.
    """

    index: int
    label: int
    probabilities: Mapping[str, float]


def first_read_correctly(study: Study, test: Split) -> list[int]:
    """For each class, return the index of the first test image that all networks of two variants read correctly.

    The two variants are `study.original` and `study.top`.
    """
    misread = np.any([study.wrong[variant].any(axis=0) for variant in (study.original, study.top)], axis=0)
    firsts = [np.flatnonzero(~misread & (test.labels == label))[:1] for label in np.unique(test.labels)]
    return np.concatenate(firsts).tolist()


def save_examples(study: Study, predictions: Mapping[str, Predictions], test: Split) -> None:
    """Write reports/examples.csv: the images of `first_read_correctly`, then the misread images that the page shows."""
    correct = first_read_correctly(study, test)
    indices = [*correct, *misread_images.shown_indices(study)]
    table = pd.DataFrame(
        {"digit": indices, "label": test.labels[indices], "correct": np.arange(len(indices)) < len(correct)}
    )
    for variant in (study.original, study.top):
        probabilities = predictions[variant].probabilities[:, indices, test.labels[indices]].mean(axis=0)
        table[variant] = [f"{probability:.4f}" for probability in probabilities]
    write_csv(table, EXAMPLES)


def load_examples(study: Study) -> tuple[list[Example], dict[int, Example]]:
    """Return a list of the correctly read examples, and a dictionary of the misread examples: index → example.

    Raises LabError if the file is missing, or if it was made from other results.
    """
    try:
        table = pd.read_csv(EXAMPLES)
    except (FileNotFoundError, ValueError):
        raise LabError(f"{EXAMPLES} cannot be read: run `make repro`") from None
    variants = [study.original, study.top]
    has_columns = {"digit", "label", "correct", *variants} <= set(table)
    if not has_columns or not set(misread_images.shown_indices(study)) <= set(table["digit"]):
        raise LabError(f"{EXAMPLES} belongs to other results: run `make repro`")
    correct: list[Example] = []
    misread_by_index: dict[int, Example] = {}
    for row in table.to_dict("records"):
        example = Example(row["digit"], row["label"], {name: row[name] for name in variants})
        if row["correct"]:
            correct.append(example)
        else:
            misread_by_index[example.index] = example
    return correct, misread_by_index
