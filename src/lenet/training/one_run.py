"""One run: a network of one variant trained from one seed. A pure function but for the epoch events it emits."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from lenet.mnist.splits import Split, Statistics
from lenet.network import determinism
from lenet.network.model import build_model, predictor
from lenet.settings import Variant
from lenet.training.batches import gradient_descent
from lenet.training.lenet_1998 import sdlm
from lenet.training.trained_run import TRAIN_METRICS, VALIDATION_METRICS, TrainedRun

EpochMetrics = Mapping[str, float]


def train_run(
    settings: Variant,
    statistics: Statistics,
    seed: int,
    train: Split,
    validation: Split,
    emit: Callable[[int, EpochMetrics], None],
) -> TrainedRun:
    """Train one network; `emit(epoch, metrics)` is called after each epoch, counted from 1.

    Equal arguments give equal bits, in any process that called determinism.prepare(). The result is that of the
    last epoch, never of the best one. Trained on the validation split too, a run has no validation metrics.
    """
    held_out = settings.train_on == "train"
    if not held_out:
        train = train.joined(validation)
    determinism.start_run(seed)
    learner = _learner(settings, len(train), build_model(settings, statistics))
    history: dict[str, list[float]] = {}
    for epoch, (loss, error) in enumerate(learner.epochs(train, seed), start=1):
        metrics = _metrics(TRAIN_METRICS, loss, error)
        if held_out:
            metrics |= _metrics(VALIDATION_METRICS, *measure(learner.predict, validation))
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        emit(epoch, metrics)
    return TrainedRun(_weights_file(learner.model), learner.model.to_json(), history)


Epochs = Callable[[Split, int], Iterator[tuple[float, float]]]


class _Learner(NamedTuple):
    """A network, and the functions that train it and let it predict."""

    model: keras.Model
    epochs: Epochs
    predict: Callable[[np.ndarray], np.ndarray]


# That of the last run, by its recipe: what TensorFlow has traced, it need not trace for the next seed.
_last: dict[object, _Learner] = {}


def _learner(settings: Variant, examples: int, fresh: keras.Model) -> _Learner:
    """Return what trains a fresh network; after a run of the same recipe, that run's network with the fresh weights."""
    recipe = (settings, examples, fresh.to_json())
    if recipe in _last:
        for variable, start in zip(_last[recipe].model.variables, fresh.variables, strict=True):
            variable.assign(start)
    else:
        _last.clear()
        _last[recipe] = _Learner(fresh, _epochs(settings, examples, fresh), predictor(fresh))
    return _last[recipe]


def _epochs(settings: Variant, examples: int, model: keras.Model) -> Epochs:
    if settings.engine == "lenet_1998":
        return partial(sdlm.passes, model, settings)
    return gradient_descent.epochs_of(model, settings, examples)


def measure(predict: Callable[[np.ndarray], np.ndarray], split: Split) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of errors, on a split, of what predicts probabilities."""
    probabilities = predict(split.images)
    loss = keras.losses.SparseCategoricalCrossentropy()(split.labels, probabilities)
    return float(loss), float((probabilities.argmax(axis=1) != split.labels).mean())


def _metrics(names: tuple[str, str], loss: float, error: float) -> dict[str, float]:
    # Rounded to the digits that float32 carries.
    return dict(zip(names, (round(loss, 6), round(100 * error, 4)), strict=True))


def _weights_file(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        return path.read_bytes()
