"""Folds: all digits that are not the test set's, divided so that each is held out of training once."""

import numpy as np

from lenet.errors import LabError
from lenet.mnist.splits import Split


def divide(train: Split, validation: Split, number: int, count: int, seed: int) -> tuple[Split, Split]:
    """Return what fold `number` of `count`, counted from 1, trains on and what it holds out, stratified by class.

    Raises LabError where a class has fewer than `count` digits.
    """
    from sklearn.model_selection import StratifiedKFold

    digits = train.joined(validation)
    rarest = int(np.bincount(digits.labels, minlength=10).min())
    if rarest < count:
        raise LabError(f"folds: {count} do not suit a data set of which a class has {rarest} digits: take fewer")
    folds = StratifiedKFold(count, shuffle=True, random_state=seed).split(digits.labels, digits.labels)
    kept, held_out = list(folds)[number - 1]
    return digits.selected(kept), digits.selected(held_out)
