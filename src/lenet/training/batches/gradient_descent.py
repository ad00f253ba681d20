"""Gradient descent in mini-batches, today's usual training. The images may be distorted."""

import importlib
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from lenet.mnist.splits import Split
from lenet.settings import Variant
from lenet.training.distortion import distort, is_distorted
from lenet.training.order import epoch_order

# The mean cross-entropy and the share of errors of an epoch, measured while the weights change.
LossAndError = tuple[float, float]


def make_train_epochs(
    model: keras.Model, settings: Variant, train_size: int
) -> Callable[[Split, int], Iterator[LossAndError]]:
    """Return a function that trains the model. The function takes a split and a seed; it yields each epoch's results.

    The results of an epoch are the loss and the error. The first call of the function also makes TensorFlow trace an
    epoch. Before each further call, give the model fresh weights. train_size: how many examples the split has.
    """
    batch_size = settings.batch_size
    steps = -(-train_size // batch_size)  # the last batch may be smaller
    augment, network, loss_function = make_augmenter(settings), make_training_network(model), _LOSSES[settings.loss]
    optimizer = _optimizer(settings, steps, model)

    # One call into TensorFlow trains a whole epoch. With a call per batch, Python would take a third of the time.
    # Images are arguments, because TensorFlow never frees a function's constants: 45 MiB for each recipe in a process.
    @tf.function
    def one_epoch(
        all_images: tf.Tensor, all_labels: tf.Tensor, seed: tf.Tensor, epoch: tf.Tensor, order: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        total, wrong = tf.constant(0.0), tf.constant(0, tf.int64)
        for step in tf.range(steps):
            examples = order[step * batch_size : (step + 1) * batch_size]
            images, labels = (
                augment(tf.gather(all_images, examples), seed, epoch, examples),
                tf.gather(all_labels, examples),
            )
            with tf.GradientTape() as tape:
                logits, probabilities = network(images)
                loss = tf.reduce_mean(loss_function(labels, logits))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            total += tf.reduce_sum(_cross_entropy(labels, logits))
            wrong += tf.math.count_nonzero(tf.argmax(probabilities, axis=1) != labels)
        return total, wrong

    def train_epochs(train: Split, seed: int) -> Iterator[LossAndError]:
        for variable, initial in zip(optimizer.variables, _optimizer(settings, steps, model).variables, strict=True):
            variable.assign(initial)
        all_images, all_labels = tf.constant(train.images), tf.constant(train.labels, tf.int64)
        for epoch in range(settings.epochs):
            order = tf.constant(epoch_order(train_size, settings.order, seed, epoch))
            total, wrong = one_epoch(all_images, all_labels, tf.constant(seed), tf.constant(epoch), order)
            yield float(total) / train_size, int(wrong) / train_size

    return train_epochs


def make_training_network(model: keras.Model) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function for training that maps images to logits and probabilities, both (batch, 10).

    oneDNN is faster with eight maps than with six. Therefore C1 and S2 get two extra maps if C3 is a plain convolution
    and S2 is not trainable. The extra maps are 0, also after activation and pooling, so they change no result.
    """
    *hidden, softmax = model.layers
    c1, c3 = model.get_layer("c1"), model.get_layer("c3")
    padded = isinstance(c3, keras.layers.Conv2D) and not model.get_layer("s2").trainable_variables

    def layer_output(layer: keras.Layer, inputs: tf.Tensor) -> tf.Tensor:
        if padded and layer is c1:
            kernel, bias = _padded_by_two(c1.kernel, axis=3), _padded_by_two(c1.bias, axis=0)
            return c1.activation(tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, 1, "VALID"), bias))
        if padded and layer is c3:
            kernel = _padded_by_two(c3.kernel, axis=2)
            return c3.activation(tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, 1, "VALID"), c3.bias))
        return layer(inputs, training=True) if isinstance(layer, keras.layers.Dropout) else layer(inputs)

    def network(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = images
        for layer in hidden:
            outputs = layer_output(layer, outputs)
        return outputs, softmax(outputs)

    return network


def _padded_by_two(array: tf.Variable, axis: int) -> tf.Tensor:
    """Return the array with two zeros appended along an axis. Do not use tf.pad: it makes TensorFlow 2.21 crash."""
    shape = [2 if dimension == axis else length for dimension, length in enumerate(array.shape)]
    return tf.concat([array, tf.zeros(shape)], axis)


def make_augmenter(settings: Variant) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a function that makes training images from original images, both uint8 (batch, 28, 28).

    The function takes the original images, the seed, the epoch and the images' indices in the training set, (batch,).
    If the variant distorts images, each example is distorted differently in each epoch. Otherwise, the function returns
    the original images.
    """

    def distorted(images: np.ndarray, seed: np.ndarray, epoch: np.ndarray, examples: np.ndarray) -> np.ndarray:
        return distort(images, settings, int(seed), int(epoch), examples)

    def augment(images: tf.Tensor, seed: tf.Tensor, epoch: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
        if not is_distorted(settings):
            return images
        return tf.ensure_shape(tf.numpy_function(distorted, (images, seed, epoch, examples), tf.uint8), (None, 28, 28))

    return augment


def _cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _squared_distance(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the loss of each example: half the squared distance from F6 to the code of the label (equation 8).

    Each logit is minus half the squared distance from F6 to the code of one class.
    """
    return -tf.gather(logits, labels, batch_dims=1)


# Each function returns one loss per example, (batch,). labels: (batch,); logits: (batch, 10).
_LOSSES = {"cross_entropy": _cross_entropy, "squared_distance": _squared_distance}


def _optimizer(settings: Variant, steps: int, model: keras.Model) -> keras.optimizers.Optimizer:
    """Return a new optimizer with the settings of the variant.

    steps: how many steps an epoch has. The schedule of the learning rate needs this number.
    """
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps * settings.epochs)
    module = importlib.import_module(f"lenet.training.batches.optimizers.{settings.optimizer}")
    optimizer = module.optimizer(rate, settings.weight_decay or None)
    optimizer.build(model.trainable_variables)
    return optimizer
