"""Gradient descent in mini-batches, the common training of today, on digits distorted or not."""

import importlib
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from lenet.mnist.splits import Split
from lenet.settings import Variant
from lenet.training.distortion import distort, is_distorted
from lenet.training.order import epoch_order

# The mean cross-entropy and the share of errors, measured while weights moved.
Epoch = tuple[float, float]


def epochs_of(model: keras.Model, settings: Variant, examples: int) -> Callable[[Split, int], Iterator[Epoch]]:
    """Return a function of that many examples and a seed that trains the model and yields each epoch.

    TensorFlow traces an epoch at the first call. Before another call, give the model fresh weights.
    """
    size = settings.batch_size
    steps = -(-examples // size)  # the last batch holds what is left over
    show, network, loss_of = shown(settings), as_trained(model), _LOSSES[settings.loss]
    optimizer = _optimizer(settings, steps, model)

    # A whole epoch is one call into TensorFlow: Python's part per batch would cost a third of the time. Images are
    # arguments, since TensorFlow never frees a function's constants: 45 MiB for each recipe of a process.
    @tf.function
    def one_epoch(
        all_images: tf.Tensor, all_labels: tf.Tensor, seed: tf.Tensor, epoch: tf.Tensor, order: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        total, wrong = tf.constant(0.0), tf.constant(0, tf.int64)
        for step in tf.range(steps):
            chosen = order[step * size : (step + 1) * size]
            images, labels = show(tf.gather(all_images, chosen), seed, epoch, chosen), tf.gather(all_labels, chosen)
            with tf.GradientTape() as tape:
                logits, probabilities = network(images)
                loss = tf.reduce_mean(loss_of(labels, logits))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            total += tf.reduce_sum(_cross_entropy(labels, logits))
            wrong += tf.math.count_nonzero(tf.argmax(probabilities, axis=1) != labels)
        return total, wrong

    def epochs(train: Split, seed: int) -> Iterator[Epoch]:
        for variable, start in zip(optimizer.variables, _optimizer(settings, steps, model).variables, strict=True):
            variable.assign(start)
        all_images, all_labels = tf.constant(train.images), tf.constant(train.labels, tf.int64)
        for epoch in range(settings.epochs):
            order = tf.constant(epoch_order(examples, settings.order, seed, epoch))
            total, wrong = one_epoch(all_images, all_labels, tf.constant(seed), tf.constant(epoch), order)
            yield float(total) / examples, int(wrong) / examples

    return epochs


def as_trained(model: keras.Model) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return what computes logits and probabilities (batch, 10) of images while the network learns.

    Where C3 is a plain convolution, C1 and S2 get two more maps: oneDNN is faster on eight than on six. They are 0, as
    activation and pooling of 0 are, and change nothing.
    """
    *hidden, softmax = model.layers
    c1, c3 = model.get_layer("c1"), model.get_layer("c3")
    padded = isinstance(c3, keras.layers.Conv2D) and not model.get_layer("s2").trainable_variables

    def output_of(layer: keras.Layer, inputs: tf.Tensor) -> tf.Tensor:
        if padded and layer is c1:
            kernel, bias = _with_more(c1.kernel, axis=3), _with_more(c1.bias, axis=0)
            return c1.activation(tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, 1, "VALID"), bias))
        if padded and layer is c3:
            kernel = _with_more(c3.kernel, axis=2)
            return c3.activation(tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, 1, "VALID"), c3.bias))
        return layer(inputs, training=True) if isinstance(layer, keras.layers.Dropout) else layer(inputs)

    def network(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = images
        for layer in hidden:
            outputs = output_of(layer, outputs)
        return outputs, softmax(outputs)

    return network


def _with_more(array: tf.Variable, axis: int) -> tf.Tensor:
    """Return an array with two more zeros along an axis. Not tf.pad, which makes TensorFlow 2.21 crash."""
    shape = [2 if place == axis else length for place, length in enumerate(array.shape)]
    return tf.concat([array, tf.zeros(shape)], axis)


def shown(settings: Variant) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a function of images, uint8 (batch, 28, 28), seed, epoch and examples: it returns the images to train on.

    If the variant distorts digits, each example is distorted differently in each epoch.
    """

    def distorted(images: np.ndarray, seed: np.ndarray, epoch: np.ndarray, examples: np.ndarray) -> np.ndarray:
        return distort(images, settings, int(seed), int(epoch), examples)

    def show(images: tf.Tensor, seed: tf.Tensor, epoch: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
        if not is_distorted(settings):
            return images
        return tf.ensure_shape(tf.numpy_function(distorted, (images, seed, epoch, examples), tf.uint8), (None, 28, 28))

    return show


def _cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _squared_distance(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Equation 8, halved: the squared distance to the right class's code. Logits are minus half the distances."""
    return -tf.gather(logits, labels, batch_dims=1)


# Of each example of a batch: labels (batch,), logits (batch, 10).
_LOSSES = {"cross_entropy": _cross_entropy, "squared_distance": _squared_distance}


def _optimizer(settings: Variant, steps: int, model: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimizer that the settings name, as it starts. steps: of an epoch, for the schedule."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps * settings.epochs)
    module = importlib.import_module(f"lenet.training.batches.optimizers.{settings.optimizer}")
    optimizer = module.optimizer(rate, settings.weight_decay or None)
    optimizer.build(model.trainable_variables)
    return optimizer
