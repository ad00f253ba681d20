"""Distort images: planar affine distortions (LeCun et al. 1998, §III-B) and elastic distortions (Simard et al. 2003).

Each (seed, epoch, example) has its own distortion. The random numbers of a distortion depend only on these three
values. The loops are compiled to plain additions and multiplications, so the pixels do not depend on the processor.
"""

import numpy as np

from lenet.settings import Variant
from lenet.training.compiled import kernel

DISTORTION_SETTINGS = ("translation", "scaling", "squeezing", "shear", "rotation", "elastic")

_SIZE = 28
_CENTRE = np.float32(13.5)
# Elastic distortions: control points 7 pixels apart. Their cubic B-spline is close to Simard's Gaussian, σ = 4 pixels.
_SPACING = 7
_POINTS = _SIZE // _SPACING + 3


def _spline() -> np.ndarray:
    """Return the weight of each control point for each row of pixels: float32 (28, 7).

    The weights of a row of pixels sum to 1.
    """
    weights = np.zeros((_SIZE, _POINTS))
    for pixel in range(_SIZE):
        first, t = pixel // _SPACING, (pixel % _SPACING) / _SPACING
        weights[pixel, first : first + 4] = (
            (1 - t) * (1 - t) * (1 - t) / 6,
            (3 * t * t * t - 6 * t * t + 4) / 6,
            (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6,
            t * t * t / 6,
        )
    return weights.astype(np.float32)


_SPLINE = _spline()


def is_distorted(settings: Variant) -> bool:
    return any(getattr(settings, name) for name in DISTORTION_SETTINGS)


def distort(images: np.ndarray, settings: Variant, seed: int, epoch: int, examples: np.ndarray) -> np.ndarray:
    """Return the images, distorted for this seed and epoch: uint8 (n, 28, 28), like `images`.

    examples: int64 (n,), each image's index in the training set. Pixels outside an image count as background, 0.
    """
    ranges = np.array([getattr(settings, name) for name in DISTORTION_SETTINGS], np.float32)
    return _distort(images, ranges, np.uint64(seed), np.uint64(epoch), examples.astype(np.uint64))


@kernel
def _scrambled(bits: np.uint64) -> np.uint64:
    """Scramble 64 bits. Source: Steele et al., Fast Splittable Pseudorandom Number Generators, 2014 (SplitMix64)."""
    bits += np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@kernel
def _fill_uniform(numbers, key):
    """Fill `numbers` with random numbers, uniform in [−1, 1). float32 represents each of these numbers exactly."""
    for index in range(numbers.size):
        key = _scrambled(key)
        numbers[index] = np.float32(np.int64(key >> np.uint64(40))) * np.float32(2.0**-23) - np.float32(1)


@kernel
def _interpolate(points, field):
    """Fill `field` (28, 28) with a displacement for each pixel, interpolated between the control points (7, 7).

    points: the displacements of the control points.
    """
    rows = np.zeros((_SIZE, _POINTS), np.float32)
    for y in range(_SIZE):
        first = y // _SPACING
        for k in range(first, first + 4):
            for j in range(_POINTS):
                rows[y, j] += _SPLINE[y, k] * points[k, j]
    field[:] = np.float32(0)
    for y in range(_SIZE):
        for j in range(_POINTS):
            for x in range(_SIZE):
                field[y, x] += rows[y, j] * _SPLINE[x, j]


@kernel
def _pixel(image, y, x):
    """Return the image's ink at (y, x), interpolated bilinearly between pixels. Outside the image, the ink is 0."""
    top, left = np.int64(np.floor(y)), np.int64(np.floor(x))
    down, right = y - np.float32(top), x - np.float32(left)
    ink = np.float32(0)
    for row, weight in ((top, np.float32(1) - down), (top + 1, down)):
        if 0 <= row < _SIZE:
            if 0 <= left < _SIZE:
                ink += weight * (np.float32(1) - right) * np.float32(image[row, left])
            if 0 <= left + 1 < _SIZE:
                ink += weight * right * np.float32(image[row, left + 1])
    return ink


@kernel
def _distort(images, ranges, seed, epoch, examples):
    distorted = np.empty_like(images)
    numbers = np.empty(6 + 2 * _POINTS * _POINTS, np.float32)
    points = numbers[6:].reshape((2, _POINTS, _POINTS))
    dy, dx = np.zeros((_SIZE, _SIZE), np.float32), np.zeros((_SIZE, _SIZE), np.float32)
    for n in range(len(images)):
        _fill_uniform(numbers, _scrambled(_scrambled(_scrambled(seed) ^ epoch) ^ examples[n]))
        down, right = ranges[0] * numbers[0], ranges[0] * numbers[1]
        scaling, squeezing = ranges[1] * numbers[2], ranges[2] * numbers[3]
        shear, rotation = ranges[3] * numbers[4], ranges[4] * numbers[5]
        if ranges[5] > 0:
            _interpolate(points[0] * ranges[5], dy)
            _interpolate(points[1] * ranges[5], dx)
        # The matrix of the four linear distortions, to first order: the identity plus multiples of their generators.
        yy, yx = np.float32(1) + scaling - squeezing, rotation
        xy, xx = shear - rotation, np.float32(1) + scaling + squeezing
        for row in range(_SIZE):
            y = np.float32(row) - _CENTRE
            for column in range(_SIZE):
                x = np.float32(column) - _CENTRE
                source_y = _CENTRE + yy * y + yx * x + down + dy[row, column]
                source_x = _CENTRE + xy * y + xx * x + right + dx[row, column]
                distorted[n, row, column] = np.uint8(_pixel(images[n], source_y, source_x) + np.float32(0.5))
    return distorted
