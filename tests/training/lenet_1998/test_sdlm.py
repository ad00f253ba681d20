import os

import numpy as np
import pytest
from support.networks import compute_logits
from support.paths import ROOT

from lenet.mnist import datasets, mirrors
from lenet.mnist.idx import from_idx
from lenet.mnist.splits import Split
from lenet.network import determinism
from lenet.network.lenet_1998 import AMPLITUDE, BACKGROUND, CODES, CURVATURE_EXAMPLES, INK, SLOPE, TABLE_I
from lenet.training.distortion import distort
from lenet.training.lenet_1998.sdlm import (
    Weights,
    curvatures,
    effective_rates,
    examples_of_pass,
    global_rate,
    train_pass,
    train_passes,
)
from lenet.training.order import epoch_order

pytestmark = pytest.mark.usefixtures("prepared")

DIGITS = datasets.bundled_digits()
IMAGES, LABELS = DIGITS[datasets.TRAIN_IMAGES][:32], DIGITS[datasets.TRAIN_LABELS][:32]
# None is equation 8. 40 is equation 9, with a rubbish class about as far away as the other classes.
RUBBISH = [None, 40.0]
# The map of S2 and the map of C3 of each connection in Table I.
INPUT_MAPS, OUTPUT_MAPS = np.argwhere(TABLE_I).T


SHAPES = Weights(
    (5, 5, 1, 6), (6,), (6,), (6,), (5, 5, 60), (16,), (16,), (16,), (400, 120), (120,), (120, 84), (84,)
)  # fmt: skip
# Inputs per unit, layer by layer. In C3 a unit has 75, 100 or 150, depending on its map; here 100 stands for all.
FAN_INS = Weights(25, 25, 4, 4, 100, 100, 4, 4, 400, 400, 120, 120)


def large_weights(seed):
    """Return weights so large that every layer is nonlinear. The paper's initial weights are smaller."""
    generator = np.random.default_rng(seed)
    return Weights(
        *(
            (2 / fan_in**0.5 * generator.uniform(-1, 1, shape)).astype(np.float32)
            for shape, fan_in in zip(SHAPES, FAN_INS, strict=True)
        )
    )


def constant(value):
    return Weights(*(np.full(shape, value, np.float32) for shape in SHAPES))


class Reference:
    """The network that the kernels are compared with. It is written as plainly as possible, in float64, without tricks.

    With order=1, `derivatives` backpropagates the first derivatives of the loss. With order=2, it backpropagates the
    second derivatives of the loss in the Gauss–Newton approximation, connection by connection (eqs. 23 to 27).
    """

    def __init__(self, weights, image):
        w = self.w = Weights(*(a.astype(np.float64) for a in weights))
        ink = BACKGROUND + (INK - BACKGROUND) * image / 255
        self.x0 = np.pad(ink, 2, constant_values=BACKGROUND)
        self.c1 = f(np.einsum("yxij,ijm->yxm", windows(self.x0), w.c1_kernel[:, :, 0]) + w.c1_bias)
        self.p2 = self.c1.reshape(14, 2, 14, 2, 6).sum((1, 3))
        self.s2 = f(w.s2_coefficient * self.p2 + w.s2_bias)
        self.c3 = np.zeros((10, 10, 16)) + w.c3_bias
        for k, (c, m) in enumerate(zip(INPUT_MAPS, OUTPUT_MAPS, strict=True)):
            self.c3[..., m] += np.einsum("yxij,ij->yx", windows(self.s2[..., c]), w.c3_kernel[:, :, k])
        self.c3 = f(self.c3)
        self.p4 = self.c3.reshape(5, 2, 5, 2, 16).sum((1, 3))
        self.s4 = f(w.s4_coefficient * self.p4 + w.s4_bias)
        self.c5 = f(self.s4.reshape(400) @ w.c5_kernel + w.c5_bias)
        self.f6 = f(self.c5 @ w.f6_kernel + w.f6_bias)
        self.distances = ((self.f6 - CODES) ** 2).sum(1)

    def loss(self, label, rubbish):
        y = self.distances / 2
        return y[label] + (np.log(np.exp(-rubbish) + np.exp(-y).sum()) if rubbish else 0)

    def derivatives(self, f6_derivative, order):
        """Backpropagate the first (order 1) or second (order 2) derivatives of the loss from F6 to all weights.

        f6_derivative: the derivatives with respect to the outputs of F6. Return the derivatives with respect to the
        weights.
        """
        w = self.w
        result = Weights(*(np.zeros(shape) for shape in SHAPES))
        d6 = f6_derivative * df(self.f6) ** order
        result.f6_kernel[:] = np.outer(self.c5**order, d6)
        result.f6_bias[:] = d6
        d5 = (w.f6_kernel**order @ d6) * df(self.c5) ** order
        result.c5_kernel[:] = np.outer(self.s4.reshape(400) ** order, d5)
        result.c5_bias[:] = d5
        d4 = (w.c5_kernel**order @ d5).reshape(5, 5, 16) * df(self.s4) ** order
        result.s4_coefficient[:] = (d4 * self.p4**order).sum((0, 1))
        result.s4_bias[:] = d4.sum((0, 1))
        d3 = (w.s4_coefficient**order * d4).repeat(2, 0).repeat(2, 1) * df(self.c3) ** order
        result.c3_bias[:] = d3.sum((0, 1))
        d2 = np.zeros((14, 14, 6))
        for k, (c, m) in enumerate(zip(INPUT_MAPS, OUTPUT_MAPS, strict=True)):
            result.c3_kernel[:, :, k] = np.einsum("yx,yxij->ij", d3[..., m], windows(self.s2[..., c]) ** order)
            for i, j in np.ndindex(5, 5):
                d2[i : i + 10, j : j + 10, c] += d3[..., m] * w.c3_kernel[i, j, k] ** order
        d2 *= df(self.s2) ** order
        result.s2_coefficient[:] = (d2 * self.p2**order).sum((0, 1))
        result.s2_bias[:] = d2.sum((0, 1))
        d1 = (w.s2_coefficient**order * d2).repeat(2, 0).repeat(2, 1) * df(self.c1) ** order
        result.c1_bias[:] = d1.sum((0, 1))
        result.c1_kernel[:, :, 0] = np.einsum("yxm,yxij->ijm", d1, windows(self.x0) ** order)
        return result

    def gradient(self, label, rubbish):
        differences = self.f6 - CODES
        f6_derivative = differences[label]
        if rubbish:
            exponentials = np.exp(-self.distances / 2)
            shares = exponentials / (np.exp(-rubbish) + exponentials.sum())
            f6_derivative = f6_derivative - shares @ differences
        return self.derivatives(f6_derivative, 1)

    def curvature(self):
        return self.derivatives(np.full(84, 1.0), 2)


def windows(a):
    """Return the 5 × 5 windows of a map, indexed by their upper left corners."""
    return np.lib.stride_tricks.sliding_window_view(a, (5, 5))


def f(a):
    return AMPLITUDE * np.tanh(SLOPE * a)


def df(state):
    return SLOPE * (AMPLITUDE - state**2 / AMPLITUDE)


def assert_agree(actual, expected, tolerance):
    for name, a, b in zip(Weights._fields, actual, expected, strict=True):
        assert a.shape == b.shape, name
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max(), name


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_the_gradient_of_the_reference_is_the_slope_of_its_loss(rubbish):
    weights, step = large_weights(2), 1e-5
    gradient = Reference(weights, IMAGES[0]).gradient(LABELS[0], rubbish)
    for position, name in enumerate(Weights._fields):
        largest = np.unravel_index(np.abs(gradient[position]).argmax(), gradient[position].shape)
        losses = []
        for sign in (1, -1):
            shifted = Weights(*(a.astype(np.float64) for a in weights))
            shifted[position][largest] += sign * step
            losses.append(Reference(shifted, IMAGES[0]).loss(LABELS[0], rubbish))
        assert np.isclose((losses[0] - losses[1]) / (2 * step), gradient[position][largest], rtol=1e-5), name


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_a_step_follows_the_gradient_and_returns_the_distances_before_the_step(rubbish):
    weights = large_weights(2)
    reference = Reference(weights, IMAGES[0])
    new_weights, distances = train_pass(weights, IMAGES, LABELS, np.array([0]), constant(2.0**-4), rubbish)
    # The changes of the weights, divided by the rate. In float32 weights, about four significant digits of them remain.
    steps = [(before - after.astype(np.float64)) * 2**4 for before, after in zip(weights, new_weights, strict=True)]
    assert_agree(steps, reference.gradient(LABELS[0], rubbish), 2e-4)
    assert distances.dtype == np.float32
    assert np.allclose(distances, [reference.distances], rtol=1e-5)


def test_curvatures_are_second_derivatives_summed_over_connections_and_averaged_over_images():
    weights = large_weights(3)
    expected = [Reference(weights, image).curvature() for image in IMAGES[:2]]
    actual = curvatures(weights, IMAGES[:2])
    assert_agree(actual, Weights(*(np.mean(pair, 0) for pair in zip(*expected, strict=True))), 1e-5)


def test_each_weight_has_its_own_rate():
    weights = large_weights(4)
    rates = constant(0)
    rates.c3_kernel[2, 3, 41] = 0.1
    new_weights, _ = train_pass(weights, IMAGES, LABELS, np.arange(3), rates)
    changed = {
        name: np.argwhere(a != b).tolist() for name, a, b in zip(Weights._fields, weights, new_weights, strict=True)
    }
    assert changed == {name: [] for name in Weights._fields} | {"c3_kernel": [[2, 3, 41]]}


def test_a_pass_equals_single_steps_in_its_order_bit_for_bit_and_leaves_the_given_weights_unchanged():
    weights = one_by_one = large_weights(6)
    together = train_pass(weights, IMAGES, LABELS, np.array([4, 7, 9]), constant(0.01))
    for n in (4, 7, 9):
        one_by_one, distances = train_pass(one_by_one, IMAGES, LABELS, np.array([n]), constant(0.01))
    assert all(np.array_equal(a, b) for a, b in zip(together[0], one_by_one, strict=True))
    assert np.array_equal(together[1][-1], distances[0])


def test_global_rates_are_those_of_the_paper_and_the_last_one_stays(published):
    settings = published.model_copy(update={"learning_rate": 5e-4})
    rates = [global_rate(settings, epoch) for epoch in range(22)]
    assert rates == pytest.approx([5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 10)


def test_a_pass_has_every_example_once_with_its_label(published, digits):
    examples = examples_of_pass(digits, published, seed=0, epoch=1)
    order = epoch_order(len(digits), published.order, 0, 1)
    np.testing.assert_array_equal(examples.images, digits.images[order])
    np.testing.assert_array_equal(examples.labels, digits.labels[order])


def test_copies_are_made_once_and_passes_take_originals_and_copies_in_turn(published, digits):
    settings = published.model_copy(update={"translation": 2.0, "copies": 2, "order": "constant"})
    turns = [[examples_of_pass(digits, settings, 0, turn * 3 + part) for part in range(3)] for turn in range(2)]
    indices = np.arange(len(digits))
    copies = [distort(digits.images, settings, 0, copy, indices) for copy in (1, 2)]
    expected = sorted(image.tobytes() for images in (digits.images, *copies) for image in images)
    for passes_of_turn in turns:
        assert sorted(image.tobytes() for examples in passes_of_turn for image in examples.images) == expected
    np.testing.assert_array_equal(turns[0][1].images, turns[1][1].images)
    np.testing.assert_array_equal(turns[0][1].labels, turns[1][1].labels)


@pytest.mark.slow
@pytest.mark.skipif(
    "MNIST_MIRROR" not in os.environ and "CI" not in os.environ, reason="needs MNIST: set MNIST_MIRROR to its folder"
)
@pytest.mark.parametrize(
    ("initialization", "learning_rate", "damping", "tolerance"),
    [("authors_fitted", 0.0005, 0.02, 0.2), ("authors", 0.000125, 0.005, 0.35)],
)
def test_the_effective_rates_of_the_first_pass_have_the_range_that_the_paper_reports(
    published, statistics, initialization, learning_rate, damping, tolerance
):
    from lenet.network.model import build_model

    changes = {"initialization": initialization, "learning_rate": learning_rate, "damping": damping}
    settings = published.model_copy(update=changes | {"order": "constant"})
    folder, files = str(ROOT / os.environ["MNIST_MIRROR"]), datasets.DATASETS["mnist"].files[:2]
    train = Split(*(from_idx(mirrors.fetch(folder, file), file.name) for file in files))
    extremes = []
    for seed in range(3):
        determinism.reset_and_seed(seed)
        weights = Weights(*build_model(settings, statistics).get_weights())
        first = examples_of_pass(train, settings, seed, 0).images[:CURVATURE_EXAMPLES]
        rates = np.concatenate([layer_rates.ravel() for layer_rates in effective_rates(weights, first, settings, 0)])
        extremes.append((rates.min(), rates.max()))
    lowest, highest = np.mean(extremes, axis=0)
    # §III-B: "between approximately 7 × 10^-5 and 0.016".
    assert lowest == pytest.approx(7e-5, rel=0.35)
    assert highest == pytest.approx(0.016, rel=tolerance)


def test_passes_yield_loss_and_error_before_learning_and_update_the_keras_model(published, statistics, digits):
    from lenet.network.model import build_model, make_predictor

    determinism.reset_and_seed(0)
    model = build_model(published, statistics)
    probabilities = make_predictor(model)(digits.images)
    frozen = published.model_copy(update={"learning_rate": 1e-30, "epochs": 1})
    ((loss, error),) = train_passes(model, frozen, digits, seed=0)
    assert error == (probabilities.argmax(axis=1) != digits.labels).mean()
    assert loss == pytest.approx(-np.log(probabilities[range(len(digits)), digits.labels]).mean(), rel=1e-3)

    assert len(list(train_passes(model, published, digits, seed=0))) == published.epochs
    weights = Weights(*model.get_weights())
    _, distances = train_pass(weights, digits.images, digits.labels, np.arange(len(digits)), constant(0))
    np.testing.assert_allclose(-2 * compute_logits(model, digits.images), distances, rtol=1e-4, atol=1e-3)
    assert (distances.argmin(axis=1) != probabilities.argmax(axis=1)).any()  # it has learnt
