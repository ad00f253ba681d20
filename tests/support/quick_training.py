"""In place of the training: as many tenths of a second as epochs, and a run that can be told by its seed."""

import time

from lenet.runs.trainer import EditedError
from lenet.training.trained_run import EPOCH_METRICS, VALIDATION_ERROR, TrainedRun


def train(data, identity, recipe, emit):
    if identity.code == "before the edit":
        raise EditedError(trained=False)
    emit((0, {}))
    for epoch in range(recipe.epochs):
        time.sleep(0.1)
        emit((epoch + 1, {VALIDATION_ERROR: 50.0}))
    return TrainedRun(b"weights", "{}", dict.fromkeys(EPOCH_METRICS, [float(identity.seed)] * recipe.epochs))
