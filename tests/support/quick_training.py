"""A quick training for tests: each epoch takes 0.1 s, and each value in a run's history is the run's seed.

`dask_clusters.quick_sources` appends this file to a copy of lenet/runs/trainer.py. There, this `train_checked` replaces
the function of the same name.
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
