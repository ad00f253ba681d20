"""One run: a network of one variant trained from one seed. A pure function but for the epoch events it emits."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

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
    determinism.start_run(seed)
    model = build_model(settings, statistics)
    held_out = settings.train_on == "train"
    if not held_out:
        train = train.joined(validation)
    if settings.engine == "lenet_1998":
        learning = sdlm.passes(model, settings, train, seed)
    else:
        learning = gradient_descent.epochs(model, settings, train, seed)
    predict = predictor(model)
    history: dict[str, list[float]] = {}
    for epoch, (loss, error) in enumerate(learning, start=1):
        metrics = _metrics(TRAIN_METRICS, loss, error)
        if held_out:
            metrics |= _metrics(VALIDATION_METRICS, *measure(predict, validation))
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        emit(epoch, metrics)
    return TrainedRun(_weights_file(model), model.to_json(), history)


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
