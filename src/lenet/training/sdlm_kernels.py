"""LeNet-5 of 1998 by hand: forward, backward and second-order backward, one example at a time.

The bits do not depend on the processor (compiled.py): nothing here calls the mathematical library or lets the compiler
reorder a sum. So a loop that sums is slow unless its innermost range is over independent lanes (the columns of C1, the
maps of C3, …), and over 16 or more of them: LLVM leaves shorter ones scalar. That explains the shapes below.
"""

from typing import NamedTuple, Self

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, BACKGROUND, CODES, INK, SLOPE
from lenet.training.compiled import inlined, kernel

f32 = np.float32


class Units(NamedTuple):
    """One number per unit: its state, its slope f'(a), or the derivative of the loss to its a."""

    all: np.ndarray  # (11692,), of which the others are views
    image: np.ndarray  # (32, 36): four columns more than the retina, since C1 has four more
    c1: np.ndarray  # (6, 28, 32): the last four columns mean nothing and get no derivative
    s2_sum: np.ndarray  # (14, 14, 8): the four inputs added; maps 6 and 7 do not exist and stay 0
    s2: np.ndarray  # (14, 14, 8)
    c3: np.ndarray  # (10, 10, 16)
    s4_sum: np.ndarray  # (5, 5, 16)
    s4: np.ndarray  # (5, 5, 16)
    c5: np.ndarray  # (120,)
    f6: np.ndarray  # (84,)

    @classmethod
    def zeros(cls) -> Self:
        shapes = (32, 36), (6, 28, 32), (14, 14, 8), (14, 14, 8), (10, 10, 16), (5, 5, 16), (5, 5, 16), (120,), (84,)
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        everything = np.zeros(ends[-1], f32)
        parts = np.split(everything, ends[:-1])
        return cls(everything, *(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))


@kernel
def learn(weights, states, slopes, deltas, images, labels, order, rates, competitive, distances):
    """Learn one example after the other; note each one's distances to the codes, (n, 10), before it is learnt."""
    for n in range(order.size):
        label = labels[order[n]]
        retina(images[order[n]], states.image)
        forward(weights, states)
        slope(states.all, slopes.all)
        rbf(states.f6, distances[n])
        loss_derivative(states.f6, label, distances[n], competitive, deltas.f6)
        backward(weights, states, slopes, deltas, weights, rates)


@kernel
def accumulate_curvatures(weights, squared, states, slopes, deltas, images, h, share):
    """Second-order backpropagation: backpropagation with each weight, state and slope squared (eqs. 23 to 27)."""
    for n in range(len(images)):
        retina(images[n], states.image)
        forward(weights, states)
        slope(states.all, slopes.all)
        square(states.all)
        square(slopes.all)
        deltas.f6[:] = f32(2)
        backward(squared, states, slopes, deltas, h, share)


@kernel
def retina(digit, image):
    """Centre the digit, uint8 (28, 28), on a background of −0.1; ink is 1.175 (§II-B)."""
    image[:] = f32(BACKGROUND)
    for y in range(28):
        for x in range(28):
            image[y + 2, x + 2] = f32(BACKGROUND) + f32((INK - BACKGROUND) / 255) * f32(digit[y, x])


@kernel
def forward(weights, states):
    """Fill the states from states.image. S4 is flattened row by row, maps last."""
    c1_forward(states.image, weights.c1_kernel, weights.c1_bias, states.c1)
    sub_forward(states.c1.transpose(1, 2, 0), weights.s2_coefficient, weights.s2_bias, states.s2_sum, states.s2)
    c3_forward(states.s2, weights.c3_kernel, weights.c3_bias, states.c3)
    sub_forward(states.c3, weights.s4_coefficient, weights.s4_bias, states.s4_sum, states.s4)
    full_forward(states.s4.reshape(-1), weights.c5_kernel, weights.c5_bias, states.c5)
    full_forward(states.c5, weights.f6_kernel, weights.f6_bias, states.f6)


@kernel
def backward(weights, states, slopes, deltas, target, rates):
    """Subtract rates · dE/dw from the target, given dE/dx of F6 in deltas.f6.

    Each layer's inputs get their derivatives before its weights change, since the target may be the weights.
    """
    multiply(deltas.f6, slopes.f6)
    full_backward(weights.f6_kernel, deltas.f6, 28, 3, deltas.c5)
    full_update(states.c5, deltas.f6, target.f6_kernel, target.f6_bias, rates.f6_kernel, rates.f6_bias)

    multiply(deltas.c5, slopes.c5)
    full_backward(weights.c5_kernel, deltas.c5, 24, 5, deltas.s4.reshape(-1))
    full_update(states.s4.reshape(-1), deltas.c5, target.c5_kernel, target.c5_bias, rates.c5_kernel, rates.c5_bias)

    multiply(deltas.s4, slopes.s4)
    sub_backward(weights.s4_coefficient, deltas.s4, deltas.c3)
    sub_update(states.s4_sum, deltas.s4, target.s4_coefficient, target.s4_bias, rates.s4_coefficient, rates.s4_bias)

    multiply(deltas.c3, slopes.c3)
    c3_backward(weights.c3_kernel, deltas.c3, deltas.s2)
    c3_update(states.s2, deltas.c3, target.c3_kernel, target.c3_bias, rates.c3_kernel, rates.c3_bias)

    multiply(deltas.s2, slopes.s2)
    sub_backward(weights.s2_coefficient, deltas.s2, deltas.c1.transpose(1, 2, 0))
    sub_update(states.s2_sum, deltas.s2, target.s2_coefficient, target.s2_bias, rates.s2_coefficient, rates.s2_bias)

    multiply(deltas.c1, slopes.c1)
    c1_update(states.image, deltas.c1, target.c1_kernel, target.c1_bias, rates.c1_kernel, rates.c1_bias)


@kernel
def squash(a):
    """Replace each a by 1.7159 tanh(2a/3): a ratio of polynomials (Eigen's), within 1e-6."""
    a = a.reshape(-1)
    for i in range(a.size):
        x = min(max(a[i] * f32(SLOPE), f32(-7.9053111)), f32(7.9053111))
        z = x * x
        p = f32(-2.76076847742355e-16) * z + f32(2.00018790482477e-13)
        p = p * z + f32(-8.60467152213735e-11)
        p = p * z + f32(5.12229709037114e-08)
        p = p * z + f32(1.48572235717979e-05)
        p = p * z + f32(6.37261928875436e-04)
        p = p * z + f32(4.89352455891786e-03)
        q = f32(1.19825839466702e-06) * z + f32(1.18534705686654e-04)
        q = q * z + f32(2.26843463243900e-03)
        q = q * z + f32(4.89352518554385e-03)
        a[i] = f32(AMPLITUDE) * (x * p / q)


@kernel
def slope(states, slopes):
    """f'(a) = S (A − f(a)²/A), from f(a)."""
    for i in range(states.size):
        slopes[i] = f32(SLOPE) * (f32(AMPLITUDE) - states[i] * states[i] * f32(1 / AMPLITUDE))


@kernel
def multiply(deltas, slopes):
    deltas, slopes = deltas.reshape(-1), slopes.reshape(-1)
    for i in range(deltas.size):
        deltas[i] *= slopes[i]


@kernel
def square(values):
    for i in range(values.size):
        values[i] *= values[i]


@kernel
def descend(target, rates, derivatives):
    target, rates, derivatives = target.reshape(-1), rates.reshape(-1), derivatives.reshape(-1)
    for i in range(target.size):
        target[i] -= rates[i] * derivatives[i]


@kernel
def c1_forward(image, weights, bias, c1):
    """Six maps, each of a 5 × 5 kernel; lanes: columns."""
    for m in range(6):
        for y in range(28):
            for x in range(32):
                a = bias[m]
                for i in range(5):
                    for j in range(5):
                        a += weights[m, i, j] * image[y + i, x + j]
                c1[m, y, x] = a
    squash(c1)


@kernel
def c1_update(image, delta, target, target_bias, rates, rates_bias):
    """A kernel's weight is shared by all units of its map: add over them, over rows first."""
    derivatives, derivatives_bias = np.empty((6, 5, 5), f32), np.empty(6, f32)
    columns = np.empty(32, f32)
    for m in range(6):
        for i in range(5):
            for j in range(5):
                for x in range(32):
                    total = f32(0)
                    for y in range(28):
                        total += delta[m, y, x] * image[y + i, x + j]
                    columns[x] = total
                derivatives[m, i, j] = columns.sum()
        for x in range(32):
            total = f32(0)
            for y in range(28):
                total += delta[m, y, x]
            columns[x] = total
        derivatives_bias[m] = columns.sum()
    descend(target, rates, derivatives)
    descend(target_bias, rates_bias, derivatives_bias)


@kernel
def sub_forward(below, coefficient, bias, sums, outputs):
    """S2 and S4: add 2 × 2 units of the layer below, (y, x, map), and multiply by the map's coefficient."""
    for y in range(outputs.shape[0]):
        for x in range(outputs.shape[1]):
            for m in range(coefficient.size):
                row, column = 2 * y, 2 * x
                upper = below[row, column, m] + below[row, column + 1, m]
                lower = below[row + 1, column, m] + below[row + 1, column + 1, m]
                sums[y, x, m] = upper + lower
                outputs[y, x, m] = coefficient[m] * (upper + lower) + bias[m]
    squash(outputs)


@kernel
def sub_backward(coefficient, delta, delta_below):
    for y in range(2 * delta.shape[0]):
        for x in range(2 * delta.shape[1]):
            for m in range(coefficient.size):
                delta_below[y, x, m] = coefficient[m] * delta[y // 2, x // 2, m]


@kernel
def sub_update(sums, delta, target, target_bias, rates, rates_bias):
    """The coefficient is one connection per unit, whose input is the sum of four."""
    for m in range(target.size):
        total, total_bias = f32(0), f32(0)
        for y in range(sums.shape[0]):
            for x in range(sums.shape[1]):
                total += delta[y, x, m] * sums[y, x, m]
                total_bias += delta[y, x, m]
        target[m] -= rates[m] * total
        target_bias[m] -= rates_bias[m] * total_bias


@kernel
def c3_forward(s2, weights, bias, c3):
    """Sixteen maps; lanes: maps. Connections missing in Table I have weights, which are 0."""
    for y in range(10):
        for x in range(10):
            c3[y, x] = bias
    for c in range(6):
        for y in range(10):
            for x in range(10):
                for m in range(16):
                    a = c3[y, x, m]
                    for i in range(5):
                        for j in range(5):
                            a += weights[c, i, j, m] * s2[y + i, x + j, c]
                    c3[y, x, m] = a
    squash(c3)


@kernel
def c3_backward(weights, delta, delta_s2):
    """Spread each delta (y, x) over the 5 × 5 window of S2 that it saw.

    A row of the window, 5 columns × 8 maps, is 40 consecutive lanes of S2.
    """
    windows = np.zeros((5, 16, 40), f32)
    for c in range(6):
        for i in range(5):
            for j in range(5):
                for m in range(16):
                    windows[i, m, 8 * j + c] = weights[c, i, j, m]
    delta_s2[:] = f32(0)
    rows = delta_s2.reshape(14, 14 * 8)
    for i in range(5):
        for y in range(10):
            for x in range(10):
                for lane in range(40):
                    total = rows[y + i, 8 * x + lane]
                    for m in range(16):
                        total += windows[i, m, lane] * delta[y, x, m]
                    rows[y + i, 8 * x + lane] = total


@kernel
def c3_update(s2, delta, target, target_bias, rates, rates_bias):
    """Missing connections have rates of 0."""
    derivatives, derivatives_bias = np.zeros((6, 5, 5, 16), f32), np.zeros(16, f32)
    for y in range(10):
        for c in range(6):
            for i in range(5):
                for j in range(5):
                    for m in range(16):
                        total = derivatives[c, i, j, m]
                        for x in range(10):
                            total += delta[y, x, m] * s2[y + i, x + j, c]
                        derivatives[c, i, j, m] = total
        for m in range(16):
            for x in range(10):
                derivatives_bias[m] += delta[y, x, m]
    descend(target, rates, derivatives)
    descend(target_bias, rates_bias, derivatives_bias)


@kernel
def full_forward(inputs, weights, bias, outputs):
    outputs[:] = bias
    for first in range(0, inputs.size, 8):
        for o in range(outputs.size):
            a = outputs[o]
            for i in range(8):
                a += inputs[first + i] * weights[first + i, o]
            outputs[o] = a
    squash(outputs)


@inlined
def full_backward(weights, delta, lanes, chunks, delta_inputs):
    """delta_inputs = weights · delta, each sum split over lanes × chunks = delta.size."""
    partial = np.empty(lanes, f32)
    for i in range(delta_inputs.size):
        for lane in range(lanes):
            total = f32(0)
            for chunk in range(chunks):
                total += weights[i, chunk * lanes + lane] * delta[chunk * lanes + lane]
            partial[lane] = total
        delta_inputs[i] = partial.sum()


@kernel
def full_update(inputs, delta, target, target_bias, rates, rates_bias):
    for i in range(inputs.size):
        for o in range(delta.size):
            target[i, o] -= rates[i, o] * (inputs[i] * delta[o])
    descend(target_bias, rates_bias, delta)


@kernel
def rbf(f6, distances):
    """y_i = Σ_o (x_o − w_io)², eq. 7."""
    for i in range(distances.size):
        total = f32(0)
        for o in range(f6.size):
            total += (f6[o] - CODES[i, o]) * (f6[o] - CODES[i, o])
        distances[i] = total


@kernel
def loss_derivative(f6, label, distances, competitive, delta):
    """dE/dx of F6: 2 (x − w_D) for eq. 8; eq. 9 also pushes away from each code, by its share of the sum in the log."""
    for o in range(f6.size):
        delta[o] = f32(2) * (f6[o] - CODES[label, o])
    if competitive:
        nearest = np.float64(distances.min())
        total = 0.0
        for i in range(distances.size):
            total += exponential(nearest - distances[i])
        for i in range(distances.size):
            share = f32(exponential(nearest - distances[i]) / total)
            for o in range(f6.size):
                delta[o] -= share * (f32(2) * (f6[o] - CODES[i, o]))


@kernel
def exponential(x):
    """e^x for −100 ≤ x ≤ 0, float64, as (e^(x/1024))^1024: the bits of libm's may depend on the processor."""
    x = max(x, -100.0) / 1024
    power = 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8)))))))
    for _ in range(10):
        power *= power
    return power
