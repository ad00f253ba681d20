from lenet.network import determinism

determinism.prepare()

import os

import numpy as np
import pytest
from support.networks import logits_of
from support.paths import ROOT

from lenet.mnist import datasets, mirrors
from lenet.mnist.idx import from_idx
from lenet.mnist.splits import Split
from lenet.network.lenet_1998 import AMPLITUDE, BACKGROUND, CODES, CURVATURE_EXAMPLES, INK, SLOPE, TABLE_I
from lenet.training.distortion import distort
from lenet.training.lenet_1998.sdlm import (
    Weights,
    curvatures,
    effective_rates,
    examples_of_pass,
    global_rate,
    pass_over,
    passes,
)
from lenet.training.order import epoch_order

DIGITS = datasets.bundled_digits()
IMAGES, LABELS = DIGITS[datasets.TRAIN_IMAGES][:32], DIGITS[datasets.TRAIN_LABELS][:32]
# Equation 8; and equation 9, its rubbish class about as far away as the others.
RUBBISH = [None, 40.0]
IN_C3, TO_C3 = np.argwhere(TABLE_I).T


SHAPES = Weights(
    (5, 5, 1, 6), (6,), (6,), (6,), (5, 5, 60), (16,), (16,), (16,), (400, 120), (120,), (120, 84), (84,)
)  # fmt: skip
# Those of C3 differ from map to map.
FAN_INS = Weights(25, 25, 4, 4, 100, 100, 4, 4, 400, 400, 120, 120)


def initial(seed):
    """Weights large enough for every layer to bend its input, unlike the paper's at the start."""
    chance = np.random.default_rng(seed)
    return Weights(
        *(
            (2 / fan_in**0.5 * chance.uniform(-1, 1, shape)).astype(np.float32)
            for shape, fan_in in zip(SHAPES, FAN_INS, strict=True)
        )
    )


def constant(value):
    return Weights(*(np.full(shape, value, np.float32) for shape in SHAPES))


class Reference:
    """The network written again, as slowly as it reads: float64, no sharing tricks, derivatives of both orders.

    order=1 propagates dE/da; order=2 propagates the Gauss–Newton d²E/da², connection by connection: eqs. 23 to 27.
    """

    def __init__(self, weights, image):
        w = self.w = Weights(*(a.astype(np.float64) for a in weights))
        ink = BACKGROUND + (INK - BACKGROUND) * image / 255
        self.x0 = np.pad(ink, 2, constant_values=BACKGROUND)
        self.c1 = f(np.einsum("yxij,ijm->yxm", windows(self.x0), w.c1_kernel[:, :, 0]) + w.c1_bias)
        self.p2 = self.c1.reshape(14, 2, 14, 2, 6).sum((1, 3))
        self.s2 = f(w.s2_coefficient * self.p2 + w.s2_bias)
        self.c3 = np.zeros((10, 10, 16)) + w.c3_bias
        for k, (c, m) in enumerate(zip(IN_C3, TO_C3, strict=True)):
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

    def derivatives(self, at_f6, order):
        """Backpropagate dE/dx (order 1) or d²E/dx² (order 2) of F6 to all weights."""
        w = self.w
        result = Weights(*(np.zeros(shape) for shape in SHAPES))
        d6 = at_f6 * df(self.f6) ** order
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
        for k, (c, m) in enumerate(zip(IN_C3, TO_C3, strict=True)):
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
        to_codes = self.f6 - CODES
        at_f6 = to_codes[label]
        if rubbish:
            pulls = np.exp(-self.distances / 2)
            shares = pulls / (np.exp(-rubbish) + pulls.sum())
            at_f6 = at_f6 - shares @ to_codes
        return self.derivatives(at_f6, 1)

    def curvature(self):
        return self.derivatives(np.full(84, 1.0), 2)


def windows(a):
    """Return the 5 × 5 windows of a map, by their upper left corners."""
    return np.lib.stride_tricks.sliding_window_view(a, (5, 5))


def f(a):
    return AMPLITUDE * np.tanh(SLOPE * a)


def df(state):
    return SLOPE * (AMPLITUDE - state**2 / AMPLITUDE)


def assert_agree(found, expected, tolerance):
    for name, a, b in zip(Weights._fields, found, expected, strict=True):
        assert a.shape == b.shape, name
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max(), name


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_the_reference_s_gradient_is_the_slope_of_its_loss(rubbish):
    weights, step = initial(2), 1e-5
    gradient = Reference(weights, IMAGES[0]).gradient(LABELS[0], rubbish)
    for place, name in enumerate(Weights._fields):
        where = np.unravel_index(np.abs(gradient[place]).argmax(), gradient[place].shape)
        losses = []
        for sign in (1, -1):
            moved = Weights(*(a.astype(np.float64) for a in weights))
            moved[place][where] += sign * step
            losses.append(Reference(moved, IMAGES[0]).loss(LABELS[0], rubbish))
        assert np.isclose((losses[0] - losses[1]) / (2 * step), gradient[place][where], rtol=1e-5), name


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_a_step_goes_down_the_gradient_and_tells_the_distances_before_it(rubbish):
    weights = initial(2)
    reference = Reference(weights, IMAGES[0])
    learnt, distances = pass_over(weights, IMAGES, LABELS, np.array([0]), constant(2.0**-4), rubbish)
    # What was subtracted, per unit of rate: float32 weights keep about four digits of it.
    steps = [(before - after.astype(np.float64)) * 2**4 for before, after in zip(weights, learnt, strict=True)]
    assert_agree(steps, reference.gradient(LABELS[0], rubbish), 2e-4)
    assert distances.dtype == np.float32
    assert np.allclose(distances, [reference.distances], rtol=1e-5)


def test_curvatures_are_second_derivatives_summed_over_connections_and_averaged_over_examples():
    weights = initial(3)
    expected = [Reference(weights, image).curvature() for image in IMAGES[:2]]
    found = curvatures(weights, IMAGES[:2])
    assert_agree(found, Weights(*(np.mean(pair, 0) for pair in zip(*expected, strict=True))), 1e-5)


def test_each_weight_has_a_rate_of_its_own():
    weights = initial(4)
    rates = constant(0)
    rates.c3_kernel[2, 3, 41] = 0.1
    learnt, _ = pass_over(weights, IMAGES, LABELS, np.arange(3), rates)
    changed = {name: np.argwhere(a != b).tolist() for name, a, b in zip(Weights._fields, weights, learnt, strict=True)}
    assert changed == {name: [] for name in Weights._fields} | {"c3_kernel": [[2, 3, 41]]}


def test_examples_are_learnt_in_the_order_given_to_the_same_bits_and_on_a_copy_of_the_weights():
    weights = split = initial(6)
    one = pass_over(weights, IMAGES, LABELS, np.array([4, 7, 9]), constant(0.01))
    for n in (4, 7, 9):
        split, distances = pass_over(split, IMAGES, LABELS, np.array([n]), constant(0.01))
    assert all(np.array_equal(a, b) for a, b in zip(one[0], split, strict=True))
    assert np.array_equal(one[1][-1], distances[0])


def test_the_published_rates_are_those_of_the_paper_and_the_last_one_stays(published):
    rates = [global_rate(published, epoch) for epoch in range(22)]
    assert rates == pytest.approx([5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 10)


def test_a_pass_takes_every_digit_once_and_its_label_with_it(published, digits):
    shown = examples_of_pass(digits, published, seed=0, epoch=1)
    order = epoch_order(len(digits), published.order, 0, 1)
    np.testing.assert_array_equal(shown.images, digits.images[order])
    np.testing.assert_array_equal(shown.labels, digits.labels[order])


def test_copies_are_made_once_and_gone_through_in_turn(published, digits):
    settings = published.model_copy(update={"translation": 2.0, "copies": 2, "order": "constant"})
    turns = [[examples_of_pass(digits, settings, 0, turn * 3 + part) for part in range(3)] for turn in range(2)]
    everyone = np.arange(len(digits))
    made = [distort(digits.images, settings, 0, copy, everyone) for copy in (1, 2)]
    expected = sorted(image.tobytes() for images in (digits.images, *made) for image in images)
    for passes_of_turn in turns:
        assert sorted(image.tobytes() for shown in passes_of_turn for image in shown.images) == expected
    np.testing.assert_array_equal(turns[0][1].images, turns[1][1].images)
    np.testing.assert_array_equal(turns[0][1].labels, turns[1][1].labels)


@pytest.mark.slow
@pytest.mark.skipif("MNIST_MIRROR" not in os.environ and "CI" not in os.environ, reason="needs MNIST_MIRROR, a folder")
def test_the_effective_rates_of_the_first_pass_are_those_that_the_paper_reports(published, statistics):
    from lenet.network.model import build_model

    settings = published.model_copy(update={"damping": 0.02, "initialization": "authors", "order": "constant"})
    folder, files = str(ROOT / os.environ["MNIST_MIRROR"]), datasets.DATASETS["mnist"].files[:2]
    train = Split(*(from_idx(mirrors.fetch(folder, file), file.name) for file in files))
    extremes = []
    for seed in range(3):
        determinism.start_run(seed)
        weights = Weights(*build_model(settings, statistics).get_weights())
        first = examples_of_pass(train, settings, seed, 0).images[:CURVATURE_EXAMPLES]
        rates = np.concatenate([of_layer.ravel() for of_layer in effective_rates(weights, first, settings, 0)])
        extremes.append((rates.min(), rates.max()))
    lowest, highest = np.mean(extremes, axis=0)
    # §III-B: "between approximately 7 × 10^-5 and 0.016".
    assert lowest == pytest.approx(7e-5, rel=0.35)
    assert highest == pytest.approx(0.016, rel=0.2)


def test_passes_tell_loss_and_errors_met_on_the_way_and_give_the_keras_model_what_was_learnt(
    published, statistics, digits
):
    from lenet.network.model import build_model, predictor

    determinism.start_run(0)
    model = build_model(published, statistics)
    probabilities = predictor(model)(digits.images)
    still = published.model_copy(update={"learning_rate": 1e-30, "epochs": 1})
    ((loss, error),) = passes(model, still, digits, seed=0)
    assert error == (probabilities.argmax(axis=1) != digits.labels).mean()
    assert loss == pytest.approx(-np.log(probabilities[range(len(digits)), digits.labels]).mean(), rel=1e-3)

    assert len(list(passes(model, published, digits, seed=0))) == published.epochs
    weights = Weights(*model.get_weights())
    _, distances = pass_over(weights, digits.images, digits.labels, np.arange(len(digits)), constant(0))
    np.testing.assert_allclose(-2 * logits_of(model, digits.images), distances, rtol=1e-4, atol=1e-3)
    assert (distances.argmin(axis=1) != probabilities.argmax(axis=1)).any()  # it has learnt
