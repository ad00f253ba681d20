"""A replacement for the training: each epoch takes 0.1 s, and the values in a run's history are the run's seed.

`train_checked` has the name of the function that it replaces, because `dask_clusters.quick_sources` appends this file
to lenet/runs/trainer.py.
"""

import time

from lenet.runs.trainer import EditedError
from lenet.training.trained_run import EPOCH_METRICS, VALIDATION_ERROR, TrainedRun


def train_checked(data, identity, recipe, emit):
    if identity.code == "before the edit":
        raise EditedError(was_trained=False)
    emit((0, {}))
    for epoch in range(recipe.epochs):
        time.sleep(0.1)
        emit((epoch + 1, {VALIDATION_ERROR: 50.0}))
    return TrainedRun(b"weights", "{}", dict.fromkeys(EPOCH_METRICS, [float(identity.seed)] * recipe.epochs))
