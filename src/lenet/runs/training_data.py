"""The digits that a run sees, as in data/processed/ or in a fold of all of them, and their identity."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from lenet.errors import LabError
from lenet.mnist import folds, splits
from lenet.mnist.splits import Split, Statistics, load_split, load_statistics, pixel_statistics
from lenet.runs.identity import DataIdentity, Fold


@dataclass(frozen=True)
class TrainingData:
    """What a run sees: both splits and the statistics of the first."""

    train: Split
    validation: Split
    statistics: Statistics


def identify_data(fold: Fold | None = None) -> DataIdentity:
    """Return the identity of the splits, or of a fold of all their digits; raise LabError if they are not there."""
    return _of_splits(load_statistics()) if fold is None else _of_fold(_read(fold), fold)


def load_training_data(identity: DataIdentity) -> TrainingData:
    """Read the digits of that identity; raise LabError if others are there now."""
    data = _read(identity.fold)
    found = _of_splits(data.statistics) if identity.fold is None else _of_fold(data, identity.fold)
    if found != identity:
        raise LabError("data/processed changed just now: run the same command again")
    return data


def _read(fold: Fold | None) -> TrainingData:
    train, validation, statistics = load_split("train"), load_split("validation"), load_statistics()
    if fold is None:
        return TrainingData(train, validation, statistics)
    number, count = fold
    train, validation = folds.divide(train, validation, number, count, statistics.split_seed)
    mean, sd = pixel_statistics(train.images)
    parts = {"train": train, "validation": validation}
    counts = {name: np.bincount(split.labels, minlength=10).tolist() for name, split in parts.items()}
    of_fold = replace(statistics, examples_per_class=counts, pixel_mean=mean, pixel_sd=sd)
    return TrainingData(train, validation, of_fold)


def _of_splits(statistics: Statistics) -> DataIdentity:
    return _identity(statistics, splits.split_md5("train"), splits.split_md5("validation"), None)


def _of_fold(data: TrainingData, fold: Fold) -> DataIdentity:
    return _identity(data.statistics, _md5(data.train), _md5(data.validation), fold)


def _identity(statistics: Statistics, train_md5: str, validation_md5: str, fold: Fold | None) -> DataIdentity:
    return DataIdentity(
        dataset=statistics.dataset,
        validation_size=statistics.validation_size,
        split_seed=statistics.split_seed,
        train_md5=train_md5,
        validation_md5=validation_md5,
        pixel_mean=statistics.pixel_mean,
        pixel_sd=statistics.pixel_sd,
        fold=fold,
    )


def _md5(split: Split) -> str:
    return hashlib.md5(split.images.tobytes() + split.labels.tobytes(), usedforsecurity=False).hexdigest()
