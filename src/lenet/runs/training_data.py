"""The data on which a run is trained and validated, and the identity of this data.

Without cross-validation, the data is the train split and the validation split in data/processed/. In cross-validation,
the data is a fold. A fold has the images of both splits, but divides them differently.
"""

import hashlib
from dataclasses import dataclass, replace

from lenet.errors import LabError
from lenet.mnist import folds, splits
from lenet.mnist.splits import Split, Statistics, load_split, load_statistics, pixel_statistics
from lenet.runs.identity import DataIdentity, Fold


@dataclass(frozen=True)
class TrainingData:
    """The data of a run: train split, validation split and statistics.

    The pixels' mean and standard deviation are computed from the train split alone.
    """

    train: Split
    validation: Split
    statistics: Statistics


def identify_data(fold: Fold | None = None) -> DataIdentity:
    """Return the identity of a fold. If `fold` is None, return the identity of the splits in data/processed/.

    Raises LabError if statistics.json is missing or damaged. For a fold, a missing or damaged split also raises it.
    """
    if fold is None:
        return _identity(load_statistics(), splits.split_md5("train"), splits.split_md5("validation"))
    return _identity_of_fold(_read(fold), fold)


def _identity_of_fold(data: TrainingData, fold: Fold) -> DataIdentity:
    return _identity(data.statistics, _md5(data.train), _md5(data.validation), fold)


def _identity(statistics: Statistics, train_md5: str, validation_md5: str, fold: Fold | None = None) -> DataIdentity:
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


def load_training_data(identity: DataIdentity) -> TrainingData:
    """Read the data with this identity; raise LabError if data/processed/ holds other data now."""
    data = _read(identity.fold)
    current = _identity_of_fold(data, identity.fold) if identity.fold else identify_data()
    if current != identity:
        raise LabError("data/processed changed while this command ran: run the same command again")
    return data


def _read(fold: Fold | None) -> TrainingData:
    train, validation, statistics = load_split("train"), load_split("validation"), load_statistics()
    if fold is None:
        return TrainingData(train, validation, statistics)
    number, count = fold
    train, validation = folds.divide(train, validation, number, count, statistics.split_seed)
    mean, sd = pixel_statistics(train.images)
    return TrainingData(train, validation, replace(statistics, examples_per_class={}, pixel_mean=mean, pixel_sd=sd))


def _md5(split: Split) -> str:
    return hashlib.md5(split.images.tobytes() + split.labels.tobytes(), usedforsecurity=False).hexdigest()
