"""Stage 2: read data/raw/; write the splits and the training split's statistics to data/processed/. Takes seconds."""

from pathlib import Path

import numpy as np

from lenet import program
from lenet.errors import LabError
from lenet.mnist.datasets import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from lenet.mnist.idx import from_idx
from lenet.mnist.splits import Split, Statistics, pixel_statistics, save_split, save_statistics, split_path
from lenet.settings import Preprocess, load_settings
from lenet.workspace import RAW


def split_train(train: Split, settings: Preprocess) -> tuple[Split, Split]:
    """Divide a training set into a training and a validation split, stratified by class.

    Raises LabError if the validation size is too small or too large: each class needs an example in both splits.
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
            f"params.yaml: preprocess.validation_size: {settings.validation_size} cannot be used with "
            f"{len(train):,} training examples ({error}): choose another size"
        ) from None
    for part in (kept, held_out):
        if missing_classes := set(train.labels.tolist()) - set(train.labels[part].tolist()):
            raise LabError(
                f"params.yaml: preprocess.validation_size: {settings.validation_size} leaves class "
                f"{min(missing_classes)} without an example in the training or validation split: choose another size"
            )
    return train.selected(kept), train.selected(held_out)


def read_raw(images: str, labels: str) -> Split:
    """Read images and their labels from two files in data/raw/.

    Raises LabError unless the images are 28 × 28 and each image has a label from 0 to 9.
    """
    split = Split(_read_array(RAW / images), _read_array(RAW / labels))
    if split.images.shape != (*split.labels.shape, 28, 28) or split.labels.ndim != 1:
        raise LabError(
            f"{RAW}: {images} of shape {split.images.shape} does not match {labels} of shape {split.labels.shape}: "
            "expected (n, 28, 28) and (n,): run `dvc repro download`"
        )
    if split.labels.max(initial=0) > 9:
        raise LabError(
            f"{RAW / labels} has the label {split.labels.max()}: expected labels 0 to 9: run `dvc repro download`"
        )
    return split


def _read_array(path: Path) -> np.ndarray:
    if not path.is_file():
        raise LabError(f"{path} is missing: run `dvc repro download`")
    return from_idx(path.read_bytes(), str(path))


def main() -> None:
    settings = load_settings()
    train, validation = split_train(read_raw(TRAIN_IMAGES, TRAIN_LABELS), settings.preprocess)
    splits = {"train": train, "validation": validation, "test": read_raw(TEST_IMAGES, TEST_LABELS)}
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
    program.run(main, "interrupted: `dvc repro` runs this stage again")
