"""LeNet-5 of 1998, written by hand: forward, backward and second-order backward pass, one example at a time.

The results are the same on every processor, bit for bit (see compiled.py, lanes.py): nothing here calls a mathematical
library or lets the compiler reorder a sum. Maps are the last axis of the arrays, so a row of lanes holds all maps at
one place. Layers are padded to a multiple of eight maps or units. The weights and rates of the padding are 0, so the
padding passes on only zeros. The inner loops are matrix products, computed as sums of outer products. An outer product
multiplies a column by a row: the column has one number for each place, the row has one number for each map.
"""

from typing import NamedTuple, Self

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, BACKGROUND, CODES, INK, SLOPE
from lenet.training.compiled import inlined, kernel
from lenet.training.lenet_1998.lanes import add_outer, fma, load, repeat, spread, store, total

f32 = np.float32

# The maps of C1 and S2, with padding; the first six are real.
MAPS = 8
# The units of F6, with padding; the first 84 are real.
UNITS = 88
# How many numbers C1 or S2 has in five places side by side (what a row of a 5 × 5 kernel sees), and in ten.
FIVE_PLACES, TEN_PLACES = 5 * MAPS, 10 * MAPS

_CODES = np.zeros((10, UNITS), f32)
_CODES[:, : CODES.shape[1]] = CODES


class Units(NamedTuple):
    """One number for each unit of the network: its state, its slope, or a derivative.

    The state is x = f(a), where a is the weighted sum of the unit's inputs. The slope is f'(a). The derivative is dE/dx
    or dE/da, where E is the loss.
    """

    all: np.ndarray  # (13040,): the arrays below are views of it
    image: np.ndarray  # (32, 32)
    c1: np.ndarray  # (28, 28, 8): six maps are real
    s2_sum: np.ndarray  # (14, 14, 8): the sum of a unit's four inputs
    s2: np.ndarray  # (14, 14, 8)
    c3: np.ndarray  # (10, 10, 16)
    s4_sum: np.ndarray  # (5, 5, 16)
    s4: np.ndarray  # (5, 5, 16)
    c5: np.ndarray  # (120,)
    f6: np.ndarray  # (88,)

    @classmethod
    def zeros(cls) -> Self:
        c1, s2, c3, s4 = (28, 28, MAPS), (14, 14, MAPS), (10, 10, 16), (5, 5, 16)
        shapes = (32, 32), c1, s2, s2, c3, s4, s4, (120,), (UNITS,)
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        everything = np.zeros(ends[-1], f32)
        parts = np.split(everything, ends[:-1])
        return cls(everything, *(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))


@kernel
def learn(weights, states, slopes, deltas, images, labels, order, steps, competitive, rubbish, distances):
    """Learn the examples one after the other: change `weights` after each example.

    order: the indices of the n examples. distances: (n, 10). Before an example is learnt, its squared distances to the
    ten codes are written to the next row of `distances`. steps: minus the rate of each weight. competitive: if True,
    the loss is equation 9 with j = `rubbish`; if False, equation 8. states, slopes, deltas: working memory.
    """
    for n in range(order.size):
        label = labels[order[n]]
        fill_input(images[order[n]], states.image)
        forward(weights, states)
        slope(states.all, slopes.all)
        rbf(states.f6, distances[n])
        loss_derivative(states.f6, label, distances[n], competitive, rubbish, deltas.f6)
        backward(weights, states, slopes, deltas, weights, steps)


@kernel
def accumulate_curvatures(weights, squared, states, slopes, deltas, images, h, share):
    """Compute the second derivatives of each image's loss with respect to the weights; add them, times `share`, to `h`.

    The method is second-order backpropagation (eqs. 23 to 27): backpropagation in which all weights, states and slopes
    are squared. squared: the squared weights.
    """
    for n in range(len(images)):
        fill_input(images[n], states.image)
        forward(weights, states)
        slope(states.all, slopes.all)
        square(states.all)
        square(slopes.all)
        deltas.f6[:] = f32(1)
        backward(squared, states, slopes, deltas, h, share)


@kernel
def fill_input(pixels, image):
    """Copy the pixels, uint8 (28, 28), to the middle of `image`: background becomes −0.1, ink becomes 1.175 (§II-B)."""
    image[:] = f32(BACKGROUND)
    for y in range(28):
        for x in range(28):
            image[y + 2, x + 2] = f32(BACKGROUND) + f32((INK - BACKGROUND) / 255) * f32(pixels[y, x])


@kernel
def forward(weights, states):
    """Compute the states of all layers from `states.image`.

    C5 reads S4 as one sequence of numbers: row by row, maps last.
    """
    c1_forward(states.image, weights.c1_kernel, weights.c1_bias, states.c1)
    sub_forward(states.c1, weights.s2_coefficient, weights.s2_bias, states.s2_sum, states.s2, MAPS)
    c3_forward(states.s2, weights.c3_kernel, weights.c3_bias, states.c3)
    sub_forward(states.c3, weights.s4_coefficient, weights.s4_bias, states.s4_sum, states.s4, 16)
    full_forward(states.s4.reshape(-1), weights.c5_kernel, weights.c5_bias, states.c5, 120)
    full_forward(states.c5, weights.f6_kernel, weights.f6_bias, states.f6, UNITS)


@kernel
def backward(weights, states, slopes, deltas, target, steps):
    """Add steps · dE/dw to `target` for every weight, by backpropagation.

    Before the call, `deltas.f6` must contain dE/dx, where x is the state of F6. `target` may be `weights` itself.
    Therefore the derivatives with respect to a layer's inputs are computed before the layer's weights change.
    """
    multiply(deltas.f6, slopes.f6)
    full_backward(weights.f6_kernel, deltas.f6, states.c5, deltas.c5, target.f6_kernel, steps.f6_kernel, UNITS)
    descend(target.f6_bias, steps.f6_bias, (0,), load(deltas.f6, (0,), UNITS), UNITS)

    multiply(deltas.c5, slopes.c5)
    s4, deltas_s4 = states.s4.reshape(-1), deltas.s4.reshape(-1)
    full_backward(weights.c5_kernel, deltas.c5, s4, deltas_s4, target.c5_kernel, steps.c5_kernel, 120)
    descend(target.c5_bias, steps.c5_bias, (0,), load(deltas.c5, (0,), 120), 120)

    multiply(deltas.s4, slopes.s4)
    sub_backward(weights.s4_coefficient, deltas.s4, deltas.c3, 16)
    sub_update(states.s4_sum, deltas.s4, target.s4_coefficient, target.s4_bias, steps.s4_coefficient, steps.s4_bias, 16)

    multiply(deltas.c3, slopes.c3)
    c3_backward(weights.c3_kernel, deltas.c3, deltas.s2)
    c3_update(states.s2, deltas.c3, target.c3_kernel, target.c3_bias, steps.c3_kernel, steps.c3_bias)

    multiply(deltas.s2, slopes.s2)
    sub_backward(weights.s2_coefficient, deltas.s2, deltas.c1, MAPS)
    sub_update(
        states.s2_sum, deltas.s2, target.s2_coefficient, target.s2_bias, steps.s2_coefficient, steps.s2_bias, MAPS
    )

    multiply(deltas.c1, slopes.c1)
    c1_update(states.image, deltas.c1, target.c1_kernel, target.c1_bias, steps.c1_kernel, steps.c1_bias)


@kernel
def squash(a):
    """Replace each number x in `a` by 1.7159 tanh(2x/3), with an error below 1e-6.

    A ratio of polynomials approximates tanh, as in Eigen.
    """
    a = a.reshape(-1)
    for i in range(a.size):
        x = min(max(a[i] * f32(SLOPE), f32(-7.9053111)), f32(7.9053111))
        z = x * x
        p = fma(f32(-2.76076847742355e-16), z, f32(2.00018790482477e-13))
        p = fma(p, z, f32(-8.60467152213735e-11))
        p = fma(p, z, f32(5.12229709037114e-08))
        p = fma(p, z, f32(1.48572235717979e-05))
        p = fma(p, z, f32(6.37261928875436e-04))
        p = fma(p, z, f32(4.89352455891786e-03))
        q = fma(f32(1.19825839466702e-06), z, f32(1.18534705686654e-04))
        q = fma(q, z, f32(2.26843463243900e-03))
        q = fma(q, z, f32(4.89352518554385e-03))
        a[i] = f32(AMPLITUDE) * (x * p / q)


@kernel
def slope(states, slopes):
    """Fill `slopes` with f'(a) = S (A − f(a)²/A), computed from the states f(a). S = 2/3 and A = 1.7159."""
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


@inlined
def descend(target, steps, index, derivative, count):
    """Add steps · derivative to the `count` weights of `target` that begin at `index`."""
    store(fma(load(steps, index, count), derivative, load(target, index, count)), target, index)


@kernel
def c1_forward(image, weights, bias, c1):
    """Compute C1, half a row at a time: 14 places in all 8 maps (6 maps and 2 of padding)."""
    for y in range(28):
        for x in range(0, 28, 14):
            sums = repeat(load(bias, (0,), MAPS), 14)
            for i in range(5):
                for j in range(5):
                    sums = add_outer(sums, image, (y + i, x + j), 1, load(weights, (i, j, 0), MAPS))
            store(sums, c1, (y, x, 0))
    squash(c1)


@kernel
def c1_update(image, delta, target, target_bias, steps, steps_bias):
    """Add steps · dE/dw of C1 to `target`.

    The units of a map share their weights, so dE/dw is a sum over the map. The upper and the lower half of the map are
    summed separately.
    """
    for i in range(5):
        upper = spread(f32(0), FIVE_PLACES)
        lower = spread(f32(0), FIVE_PLACES)
        for y in range(14):
            for x in range(28):
                upper = add_outer(upper, image, (y + i, x), 1, load(delta, (y, x, 0), MAPS))
                lower = add_outer(lower, image, (y + 14 + i, x), 1, load(delta, (y + 14, x, 0), MAPS))
        descend(target, steps, (i, 0, 0), upper + lower, FIVE_PLACES)
    descend(target_bias, steps_bias, (0,), sum_over_map(delta, MAPS), MAPS)


@inlined
def sum_over_map(delta, count):
    """Return, for each map, the sum of `delta` over the units of the map. delta: (y, x, map)."""
    sums = spread(f32(0), count)
    for y in range(delta.shape[0]):
        for x in range(delta.shape[1]):
            sums = sums + load(delta, (y, x, 0), count)
    return sums


@inlined
def sub_forward(below, coefficient, bias, sums, outputs, count):
    """Compute S2 or S4: add 2 × 2 units of the layer below, multiply by the map's coefficient, add its bias, squash."""
    for y in range(outputs.shape[0]):
        for x in range(outputs.shape[1]):
            upper = load(below, (2 * y, 2 * x, 0), count) + load(below, (2 * y, 2 * x + 1, 0), count)
            lower = load(below, (2 * y + 1, 2 * x, 0), count) + load(below, (2 * y + 1, 2 * x + 1, 0), count)
            store(upper + lower, sums, (y, x, 0))
            store(fma(load(coefficient, (0,), count), upper + lower, load(bias, (0,), count)), outputs, (y, x, 0))
    squash(outputs)


@inlined
def sub_backward(coefficient, delta, delta_below, count):
    for y in range(delta.shape[0]):
        for x in range(delta.shape[1]):
            derivative = load(coefficient, (0,), count) * load(delta, (y, x, 0), count)
            store(repeat(derivative, 2), delta_below, (2 * y, 2 * x, 0))
            store(repeat(derivative, 2), delta_below, (2 * y + 1, 2 * x, 0))


@inlined
def sub_update(sums, delta, target, target_bias, steps, steps_bias, count):
    """Add steps · dE/dw of S2 or S4 to `target`.

    A unit has one input, the sum of four units of the layer below. The coefficient is the weight of this input.
    """
    derivative = spread(f32(0), count)
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            derivative = fma(load(delta, (y, x, 0), count), load(sums, (y, x, 0), count), derivative)
    descend(target, steps, (0,), derivative, count)
    descend(target_bias, steps_bias, (0,), sum_over_map(delta, count), count)


@kernel
def c3_forward(s2, weights, bias, c3):
    """Compute C3, half a row at a time: 5 places in all 16 maps. Missing connections have weights of 0."""
    for y in range(10):
        for x in range(0, 10, 5):
            sums = repeat(load(bias, (0,), 16), 5)
            for c in range(6):
                for i in range(5):
                    for j in range(5):
                        sums = add_outer(sums, s2, (y + i, x + j, c), MAPS, load(weights, (c, i, j, 0), 16))
            store(sums, c3, (y, x, 0))
    squash(c3)


@kernel
def c3_backward(weights, delta, delta_s2):
    """Compute S2's derivatives: distribute the delta of each C3 unit over the 5 × 5 window of S2 that this unit sees.

    A row of a window has 5 places in all 8 maps (6 maps and 2 of padding): 40 consecutive numbers of S2. The next 40
    numbers belong to the window of the unit 5 places to the right, so both units are handled together. In `delta`, the
    second unit comes 80 numbers after the first (5 places in all 16 maps of C3).
    """
    windows = np.zeros((5, 16, FIVE_PLACES), f32)
    for c in range(6):
        for i in range(5):
            for j in range(5):
                for m in range(16):
                    windows[i, m, MAPS * j + c] = weights[c, i, j, m]
    delta_s2[:] = f32(0)
    rows = delta_s2.reshape(14, 14 * MAPS)
    for i in range(5):
        for y in range(10):
            for x in range(5):
                sums = load(rows, (y + i, MAPS * x), TEN_PLACES)
                for m in range(16):
                    sums = add_outer(sums, delta, (y, x, m), 80, load(windows, (i, m, 0), FIVE_PLACES))
                store(sums, rows, (y + i, MAPS * x))


@kernel
def c3_update(s2, delta, target, target_bias, steps, steps_bias):
    """Add steps · dE/dw of C3 to `target`, one row of a kernel at a time: 5 weights for each of the 16 maps.

    Missing connections have rates of 0.
    """
    for c in range(6):
        for i in range(5):
            derivative = spread(f32(0), 80)
            for y in range(10):
                for x in range(10):
                    derivative = add_outer(derivative, s2, (y + i, x, c), MAPS, load(delta, (y, x, 0), 16))
            descend(target, steps, (c, i, 0, 0), derivative, 80)
    descend(target_bias, steps_bias, (0,), sum_over_map(delta, 16), 16)


@inlined
def full_forward(inputs, weights, bias, outputs, count):
    sums = load(bias, (0,), count)
    for i in range(inputs.size):
        sums = fma(inputs[i], load(weights, (i, 0), count), sums)
    store(sums, outputs, (0,))
    squash(outputs)


@inlined
def full_backward(weights, delta, inputs, delta_inputs, target, steps, count):
    """Fill `delta_inputs` with the loss's derivatives with respect to the inputs; add steps · dE/dw to `target`.

    Both are done in one pass through the weight matrix.
    """
    deltas = load(delta, (0,), count)
    for i in range(inputs.size):
        delta_inputs[i] = total(load(weights, (i, 0), count) * deltas)
        descend(target, steps, (i, 0), spread(inputs[i], count) * deltas, count)


@kernel
def rbf(f6, distances):
    """Fill `distances` with the squared distances from F6 to the codes: y_i = Σ_o (x_o − w_io)² (eq. 7)."""
    for i in range(distances.size):
        difference = fma(f32(-1), load(_CODES, (i, 0), UNITS), load(f6, (0,), UNITS))
        distances[i] = total(difference * difference)


@kernel
def loss_derivative(f6, label, distances, competitive, rubbish, delta):
    """Fill `delta` with dE/dx, where x is the state of F6.

    For eq. 8, dE/dx = x − w_D, where w_D is the code of the label D. Eq. 9 (competitive) also pushes x away from every
    code. Each push is proportional to the code's share of the sum inside the logarithm. The exponents in this sum are
    shifted so that the largest is 0: this avoids underflow and leaves the shares unchanged.
    """
    for o in range(f6.size):
        delta[o] = f6[o] - _CODES[label, o]
    if competitive:
        smallest_penalty = min(np.float64(distances.min()) / 2, rubbish)
        denominator = exponential(smallest_penalty - rubbish)
        for i in range(distances.size):
            denominator += exponential(smallest_penalty - distances[i] / 2)
        for i in range(distances.size):
            share = f32(exponential(smallest_penalty - distances[i] / 2) / denominator)
            for o in range(f6.size):
                delta[o] -= share * (f6[o] - _CODES[i, o])


@kernel
def exponential(x):
    """Return e^x = (e^(x/1024))^1024 for −100 ≤ x ≤ 0, float64.

    The exponential of the C library is not used, because its last bits may depend on the processor.
    """
    x = max(x, -100.0) / 1024
    power = 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8)))))))
    for _ in range(10):
        power *= power
    return power
