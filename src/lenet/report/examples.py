"""Test digits that the page shows, with the probability that networks give to their class: reports/examples.csv.

They come from predictions, which git does not keep; the page takes the file, so that it can be made without.
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
    """A test digit, and the mean probability that the networks of the old and the new variant give to its class."""

    index: int
    label: int
    probabilities: Mapping[str, float]


def read_rightly(study: Study, test: Split) -> list[int]:
    """Return the first test digit of each class that no network of the old and the new variant misreads."""
    misread = np.any([study.wrong[variant].any(axis=0) for variant in (study.original, study.top)], axis=0)
    firsts = [np.flatnonzero(~misread & (test.labels == label))[:1] for label in np.unique(test.labels)]
    return np.concatenate(firsts).tolist()


def save_examples(study: Study, predictions: Mapping[str, Predictions], test: Split) -> None:
    """Write reports/examples.csv: first the digits that are read rightly, then those that the page shows otherwise."""
    right = read_rightly(study, test)
    indices = [*right, *misread_images.shown(study)]
    table = pd.DataFrame(
        {"digit": indices, "label": test.labels[indices], "rightly": np.arange(len(indices)) < len(right)}
    )
    for variant in (study.original, study.top):
        given = predictions[variant].probabilities[:, indices, test.labels[indices]].mean(axis=0)
        table[variant] = [f"{probability:.4f}" for probability in given]
    write_csv(table, EXAMPLES)


def load_examples(study: Study) -> tuple[list[Example], dict[int, Example]]:
    """Return the digits that are read rightly, and all others by index.

    Raises LabError where the file is missing, or not of this study.
    """
    try:
        table = pd.read_csv(EXAMPLES)
    except (FileNotFoundError, ValueError):
        raise LabError(f"{EXAMPLES} cannot be read: run `dvc repro --force plot`") from None
    variants = [study.original, study.top]
    has_columns = {"digit", "label", "rightly", *variants} <= set(table)
    if not has_columns or not set(misread_images.shown(study)) <= set(table["digit"]):
        raise LabError(f"{EXAMPLES} is of other results: run `dvc repro --force plot`")
    rightly: list[Example] = []
    by_index: dict[int, Example] = {}
    for row in table.to_dict("records"):
        example = Example(row["digit"], row["label"], {name: row[name] for name in variants})
        if row["rightly"]:
            rightly.append(example)
        else:
            by_index[example.index] = example
    return rightly, by_index
