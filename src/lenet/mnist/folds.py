"""Cross-validation: divide the images of the train and validation splits into folds.

Each image is held out of training in exactly one fold.
"""

import numpy as np

from lenet.errors import LabError
from lenet.mnist.splits import Split


def divide(train: Split, validation: Split, number: int, count: int, seed: int) -> tuple[Split, Split]:
    """Return the training and the validation split of one fold, stratified by class.

    The images of `train` and `validation` are joined, shuffled with `seed`, and divided into `count` folds. number: the
    number of the returned fold, from 1 to `count`.
    Raises LabError if a class has fewer than `count` images.
    """
    from sklearn.model_selection import StratifiedKFold

    combined = train.joined(validation)
    rarest = int(np.bincount(combined.labels, minlength=10).min())
    if rarest < count:
        raise LabError(f"folds: {count}: too many, because the rarest class has only {rarest} images: choose fewer")
    folds = StratifiedKFold(count, shuffle=True, random_state=seed).split(combined.labels, combined.labels)
    kept, held_out = list(folds)[number - 1]
    return combined.selected(kept), combined.selected(held_out)
