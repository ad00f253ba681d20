"""One run: a network of one variant trained from one seed. A pure function but for the epoch events it emits."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lenet import determinism
from lenet.config import Variant
from lenet.data import Split, Statistics
from lenet.model import build_model
from lenet.runs import HISTORY_METRICS, TrainedRun

# Batches in which nothing is learnt; large enough to be quick, small enough to stay in the cache.
PREDICTION_BATCH_SIZE = 500

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
    last epoch, never of the best one.
    """
    determinism.start_run(seed)
    model = build_model(settings, statistics)
    architecture = model.to_json()  # before compile, which adds what only training needs
    steps = -(-len(train) // settings.batch_size)
    model.compile(
        optimizer=_optimizer(settings),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # A whole epoch is one call into TensorFlow: Python's part per batch would cost a third of the time.
        steps_per_execution=steps,
    )
    history: list[EpochMetrics] = []

    def on_epoch_end(epoch: int, logs: Mapping[str, float]) -> None:
        losses = {"train/loss": logs["loss"], "validation/loss": logs["val_loss"]}
        accuracies = {"train/error_percent": logs["accuracy"], "validation/error_percent": logs["val_accuracy"]}
        # Rounded to the digits that float32 carries.
        values = {name: round(loss, 6) for name, loss in losses.items()}
        values |= {name: round(100 * (1 - accuracy), 4) for name, accuracy in accuracies.items()}
        history.append({name: values[name] for name in HISTORY_METRICS})
        emit(epoch + 1, history[-1])

    model.fit(
        training_batches(train, settings.batch_size, settings.epochs, seed),
        epochs=settings.epochs,
        steps_per_epoch=steps,
        validation_data=_in_order(validation),
        verbose=0,
        shuffle=False,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
    )
    return TrainedRun(_weights_file(model), architecture, history)


def training_batches(train: Split, batch_size: int, epochs: int, seed: int) -> tf.data.Dataset:
    """Return the batches of all epochs, one after the other, each epoch in an order of its own.

    The order follows from (seed, epoch) alone. An epoch's last batch holds what is left over.
    """
    images, labels = tf.constant(train.images), tf.constant(train.labels)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(train)), key)
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    indices = tf.data.Dataset.range(epochs).flat_map(one_epoch)
    return _single_threaded(indices.map(lambda batch: (tf.gather(images, batch), tf.gather(labels, batch))))


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the network's output for uint8 images (n, 28, 28): float32 (n, 10)."""
    return model.predict(images, batch_size=PREDICTION_BATCH_SIZE, verbose=0)


def _optimizer(settings: Variant) -> keras.optimizers.Optimizer:
    optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    return optimizers[settings.optimizer](settings.learning_rate)


def _in_order(split: Split) -> tf.data.Dataset:
    data = tf.data.Dataset.from_tensor_slices((split.images, split.labels))
    return _single_threaded(data.batch(PREDICTION_BATCH_SIZE))


def _single_threaded(data: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return data.with_options(options)


def _weights_file(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        return path.read_bytes()
