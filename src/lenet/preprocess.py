"""Stage 2. Reads data/raw/; writes data/processed/: the splits and the training split's statistics. Takes seconds."""

import math

import numpy as np

from lenet import errors
from lenet.errors import LabError
from lenet.mnist import idx
from lenet.mnist.splits import Split, Statistics, save_split, save_statistics, split_path
from lenet.settings import Preprocess, load_settings
from lenet.workspace import RAW


def split_train(train: Split, settings: Preprocess) -> tuple[Split, Split]:
    """Part a training set into training and validation, each class in proportion, chosen by the seed.

    Raises LabError where the validation size leaves one of the two without some class.
    """
    from sklearn.model_selection import train_test_split

    try:
        kept, held_out = train_test_split(
            np.arange(len(train)),
            test_size=settings.validation_size,
            random_state=settings.split_seed,
            stratify=train.labels,
        )
    except ValueError as error:
        raise LabError(
            f"params.yaml: preprocess.validation_size: {settings.validation_size} does not suit "
            f"{len(train):,} training examples: {error}"
        ) from None
    for part in (kept, held_out):
        if lacking := set(train.labels.tolist()) - set(train.labels[part].tolist()):
            raise LabError(
                f"params.yaml: preprocess.validation_size: {settings.validation_size} leaves the class "
                f"{min(lacking)} without an example in training or validation: make it larger or smaller"
            )
    # In the order of the source, so that the files differ by what is in them alone.
    return tuple(Split(train.images[order], train.labels[order]) for order in (np.sort(kept), np.sort(held_out)))


def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of uint8 pixels, in integers until the last step: equal bits everywhere."""
    histogram = [int(count) for count in np.bincount(images.ravel(), minlength=256)]
    n = sum(histogram)
    total = sum(value * count for value, count in enumerate(histogram))
    squares = sum(value * value * count for value, count in enumerate(histogram))
    return total / n, math.sqrt(n * squares - total * total) / n


def read_raw(images: idx.KnownFile, labels: idx.KnownFile) -> Split:
    """Read one pair of IDX files; raise LabError unless they are digits of 28 × 28 with a label 0–9 each."""
    arrays = []
    for path in (RAW / images.name, RAW / labels.name):
        if not path.is_file():
            raise LabError(f"{path} is missing: run `dvc repro download`")
        arrays.append(idx.from_idx(path.read_bytes(), str(path)))
    split = Split(*arrays)
    if split.images.shape != (*split.labels.shape, 28, 28) or split.labels.ndim != 1:
        raise LabError(
            f"{RAW}: {images.name} of shape {split.images.shape} does not go with {labels.name} of {split.labels.shape}"
        )
    if split.labels.max(initial=0) > 9:
        raise LabError(f"{RAW / labels.name} has the label {split.labels.max()}: expected digits 0 to 9")
    return split


def main() -> None:
    settings = load_settings()
    train, validation = split_train(read_raw(idx.TRAIN_IMAGES, idx.TRAIN_LABELS), settings.preprocess)
    splits = {"train": train, "validation": validation, "test": read_raw(idx.TEST_IMAGES, idx.TEST_LABELS)}
    mean, sd = pixel_statistics(train.images)
    counts = {name: np.bincount(split.labels, minlength=10).tolist() for name, split in splits.items()}
    for name, split in splits.items():
        save_split(split_path(name), split)
    save_statistics(
        Statistics(
            settings.data.dataset,
            **settings.preprocess.model_dump(),
            examples_per_class=counts,
            pixel_mean=mean,
            pixel_sd=sd,
        )
    )


if __name__ == "__main__":
    errors.run(main, "interrupted: nothing of this stage was kept")
