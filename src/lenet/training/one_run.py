"""Train one run: a network of one variant, from one seed.

`train_run` is a pure function, except that it reports each epoch.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from lenet.mnist.splits import Split, Statistics
from lenet.network import determinism
from lenet.network.model import build_model, make_predictor
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
    """Train one network; after each epoch, call `emit(epoch, metrics)`. Epochs are counted from 1.

    Equal arguments give equal results, bit for bit, in any process that called determinism.prepare(). The result is the
    network after the last epoch, even if an earlier epoch was better. If the variant trains on the validation split
    too, the run has no validation metrics.
    """
    has_validation = settings.train_on == "train"
    if not has_validation:
        train = train.joined(validation)
    determinism.reset_and_seed(seed)
    learner = _learner_for(settings, len(train), build_model(settings, statistics))
    history: dict[str, list[float]] = {}
    for epoch, (loss, error) in enumerate(learner.train_epochs(train, seed), start=1):
        metrics = _metrics(TRAIN_METRICS, loss, error)
        if has_validation:
            metrics |= _metrics(VALIDATION_METRICS, *measure(learner.predict, validation))
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        emit(epoch, metrics)
    return TrainedRun(_weights_file(learner.model), learner.model.to_json(), history)


TrainEpochs = Callable[[Split, int], Iterator[tuple[float, float]]]


class _Learner(NamedTuple):
    """A network, a function that trains it, and a function that predicts with it."""

    model: keras.Model
    train_epochs: TrainEpochs
    predict: Callable[[np.ndarray], np.ndarray]


# The learner of the last run, by its recipe. The next seed of this recipe reuses it: TensorFlow need not trace again.
_last_learner: dict[object, _Learner] = {}


def _learner_for(settings: Variant, train_size: int, fresh: keras.Model) -> _Learner:
    """Return a learner for these settings, with the weights of `fresh`.

    If the last run had the same recipe, the learner of the last run is used again. The weights of `fresh` are then
    copied into the network of this learner.
    """
    key = (settings, train_size, fresh.to_json())
    if key in _last_learner:
        for variable, initial in zip(_last_learner[key].model.variables, fresh.variables, strict=True):
            variable.assign(initial)
    else:
        _last_learner.clear()
        _last_learner[key] = _Learner(fresh, _make_train_epochs(settings, train_size, fresh), make_predictor(fresh))
    return _last_learner[key]


def _make_train_epochs(settings: Variant, train_size: int, model: keras.Model) -> TrainEpochs:
    if settings.engine == "lenet_1998":
        return partial(sdlm.train_passes, model, settings)
    return gradient_descent.make_train_epochs(model, settings, train_size)


def measure(predict: Callable[[np.ndarray], np.ndarray], split: Split) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of errors on a split.

    predict: a function from images to probabilities, (n, 10).
    """
    probabilities = predict(split.images)
    loss = keras.losses.SparseCategoricalCrossentropy()(split.labels, probabilities)
    return float(loss), float((probabilities.argmax(axis=1) != split.labels).mean())


def _metrics(names: tuple[str, str], loss: float, error: float) -> dict[str, float]:
    # float32 losses have about seven significant digits: further decimals would be noise.
    return dict(zip(names, (round(loss, 6), round(100 * error, 4)), strict=True))


def _weights_file(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        return path.read_bytes()
