"""Train LeNet-5 of 1998 one example at a time, as in the paper.

The method is stochastic diagonal Levenberg–Marquardt (§III-B, Appendix C). Each example changes every weight:
w_k −= rate / (µ + h_kk) · dE/dw_k.
The h_kk are the diagonal of the Gauss–Newton matrix. They are estimated before each pass and stay fixed during the
pass. A pass over 60,000 images takes 3 to 4 s on one core.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lenet.mnist.splits import Split
from lenet.network.lenet_1998 import CURVATURE_EXAMPLES, RATES, TABLE_I
from lenet.settings import Variant
from lenet.training.distortion import distort, is_distorted
from lenet.training.lenet_1998 import kernels
from lenet.training.lenet_1998.kernels import MAPS, UNITS, Units
from lenet.training.order import epoch_order

if TYPE_CHECKING:
    import keras


class Weights(NamedTuple):
    """An array for each weight array of the Keras model, in the same order, float32.

    The arrays hold the trainable parameters themselves, or one number for each parameter, such as its rate or its
    curvature.
    """

    c1_kernel: np.ndarray  # (5, 5, 1, 6)
    c1_bias: np.ndarray  # (6,)
    s2_coefficient: np.ndarray  # (6,)
    s2_bias: np.ndarray  # (6,)
    c3_kernel: np.ndarray  # (5, 5, 60): a kernel per connection of Table I, ordered as np.argwhere(TABLE_I)
    c3_bias: np.ndarray  # (16,)
    s4_coefficient: np.ndarray  # (16,)
    s4_bias: np.ndarray  # (16,)
    c5_kernel: np.ndarray  # (400, 120): input (row · 5 + column) · 16 + map
    c5_bias: np.ndarray  # (120,)
    f6_kernel: np.ndarray  # (120, 84)
    f6_bias: np.ndarray  # (84,)


def train_passes(model: "keras.Model", settings: Variant, train: Split, seed: int) -> Iterator[tuple[float, float]]:
    """Train the model. After each pass, yield the mean cross-entropy and the share of errors during the pass."""
    import keras  # here, so that the loops can be imported without TensorFlow

    weights = Weights(*model.get_weights())
    for epoch in range(settings.epochs):
        examples = examples_of_pass(train, settings, seed, epoch)
        rates = effective_rates(weights, examples.images[:CURVATURE_EXAMPLES], settings, epoch)
        weights, distances = train_pass(
            weights, examples.images, examples.labels, np.arange(len(examples)), rates, rubbish_constant(settings)
        )
        model.set_weights(weights)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(examples.labels, -distances / 2)
        yield float(loss), float((distances.argmin(axis=1) != examples.labels).mean())


def examples_of_pass(train: Split, settings: Variant, seed: int, epoch: int) -> Split:
    """Return the examples of a pass, in the order in which they are learnt. Each pass has len(train) examples.

    epoch: the number of the pass, counted from 0.
    If `copies` is 0, each pass has every image once. A variant that distorts images distorts them anew for each pass.
    If `copies` is not 0, it is the number of distorted copies of each image (§III-B). The copies are the same in all
    passes. Originals and copies are shuffled together, and each pass takes the next len(train) examples. After
    copies + 1 passes, originals and copies are shuffled again. With `order: constant`, each shuffle gives the same
    order.
    """
    count, versions = len(train), settings.copies + 1
    turn, part = divmod(epoch, versions)
    patterns = epoch_order(count * versions, settings.order, seed, turn)[part * count : (part + 1) * count]
    version, examples = np.divmod(patterns, count)
    images = train.images[examples]
    if settings.copies:
        for copy in range(1, versions):
            is_this_copy = version == copy
            images[is_this_copy] = distort(images[is_this_copy], settings, seed, copy, examples[is_this_copy])
    elif is_distorted(settings):
        images = distort(images, settings, seed, epoch, examples)
    return Split(images, train.labels[examples])


def effective_rates(weights: Weights, images: np.ndarray, settings: Variant, epoch: int) -> Weights:
    """Return each weight's rate in a pass: the global rate / (µ + h_kk). The h_kk are estimated on `images`."""
    rate, damping = np.float32(global_rate(settings, epoch)), np.float32(settings.damping)
    return Weights(*(rate / (damping + h_kk) for h_kk in curvatures(weights, images)))


def rubbish_constant(settings: Variant) -> float | None:
    """Return the j of equation 9 if the loss is equation 9; return None if the loss is equation 8."""
    return settings.rubbish if settings.loss == "cross_entropy" else None


def global_rate(settings: Variant, epoch: int) -> float:
    """Return the global rate of pass number `epoch`, counted from 0.

    The global rates are the paper's rates, scaled so that the first is `learning_rate`. After the paper's twenty
    passes, the rate no longer changes.
    """
    return settings.learning_rate * RATES[min(epoch, len(RATES) - 1)] / RATES[0]


def train_pass(
    weights: Weights,
    images: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    rates: Weights,
    rubbish: float | None = None,
) -> tuple[Weights, np.ndarray]:
    """Learn the examples one after the other. Return the new weights, and the distances of each example to the codes.

    images: uint8 (n, 28, 28). order: the indices of the examples to learn. rates: each weight's rate / (µ + h_kk).
    rubbish: the j of equation 9, or None for equation 8.
    The distances are squared, float32 (len(order), 10). They are measured before the example is learnt. The class with
    the smallest distance is the network's answer.
    Let D be the label, and y_i half the squared distance to the code of class i, as in the authors' own code. Then
    equation 8 is the loss y_D, and equation 9 is the loss y_D + log(e^−j + Σ_i e^−y_i).
    """
    images, labels, order = _contiguous(images, np.uint8), _contiguous(labels, np.int64), _contiguous(order, np.int64)
    new_weights = _to_lanes(weights)
    distances = np.empty((len(order), 10), np.float32)
    units = Units.zeros(), Units.zeros(), Units.zeros()
    steps = _to_lanes(Weights(*(-rate for rate in rates)))
    competitive, j = rubbish is not None, np.float64(rubbish or 0)
    kernels.learn(new_weights, *units, images, labels, order, steps, competitive, j, distances)
    return _from_lanes(new_weights), distances


def curvatures(weights: Weights, images: np.ndarray) -> Weights:
    """Return each weight's h_kk: the Gauss–Newton diagonal of equation 8, averaged over the images.

    images: uint8 (n, 28, 28). No labels are needed: the second derivative of half a squared distance is 1 at every unit
    of F6, whatever the code.
    Training with equation 9 uses the same curvatures, as in the authors' own code. The second derivative of equation 9
    is never larger than that of equation 8.
    """
    weights, images = _to_lanes(weights), _contiguous(images, np.uint8)
    squared = Weights(*(a * a for a in weights))
    h = Weights(*map(np.zeros_like, weights))
    share = Weights(*(np.full_like(a, 1 / len(images)) for a in h))
    units = Units.zeros(), Units.zeros(), Units.zeros()
    kernels.accumulate_curvatures(weights, squared, *units, images, h, share)
    return _from_lanes(h)


def _contiguous(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    """Return the array as the kernels need it: of this dtype, C-contiguous and writable. Copy it only if necessary."""
    return np.require(array, dtype, ["C", "W"])


def _to_lanes(weights: Weights) -> Weights:
    """Copy the weights into the shapes that the kernels need: padded with zeros to multiples of eight.

    The kernel of C3 becomes (6, 5, 5, 16), with 0 where Table I has no connection.
    """
    c3_kernel = np.zeros((6, 16, 5, 5), np.float32)
    c3_kernel[TABLE_I] = np.moveaxis(weights.c3_kernel, 2, 0)
    return Weights(
        c1_kernel=_padded(weights.c1_kernel[:, :, 0], MAPS),
        c1_bias=_padded(weights.c1_bias, MAPS),
        s2_coefficient=_padded(weights.s2_coefficient, MAPS),
        s2_bias=_padded(weights.s2_bias, MAPS),
        c3_kernel=np.ascontiguousarray(np.moveaxis(c3_kernel, 1, 3)),
        c3_bias=_padded(weights.c3_bias, 16),
        s4_coefficient=_padded(weights.s4_coefficient, 16),
        s4_bias=_padded(weights.s4_bias, 16),
        c5_kernel=_padded(weights.c5_kernel, 120),
        c5_bias=_padded(weights.c5_bias, 120),
        f6_kernel=_padded(weights.f6_kernel, UNITS),
        f6_bias=_padded(weights.f6_bias, UNITS),
    )


def _padded(array: np.ndarray, length: int) -> np.ndarray:
    """Return a copy of the array, with zeros appended to the last axis until its length is `length`."""
    return np.pad(
        np.ascontiguousarray(array, np.float32), [(0, 0)] * (array.ndim - 1) + [(0, length - array.shape[-1])]
    )


def _from_lanes(weights: Weights) -> Weights:
    """Copy the weights back into the shapes of the Keras model."""
    return weights._replace(
        c1_kernel=weights.c1_kernel[:, :, None, :6].copy(),
        c1_bias=weights.c1_bias[:6].copy(),
        s2_coefficient=weights.s2_coefficient[:6].copy(),
        s2_bias=weights.s2_bias[:6].copy(),
        c3_kernel=np.ascontiguousarray(np.moveaxis(np.moveaxis(weights.c3_kernel, 3, 1)[TABLE_I], 0, 2)),
        f6_kernel=weights.f6_kernel[:, :84].copy(),
        f6_bias=weights.f6_bias[:84].copy(),
    )
