"""The constants of LeNet-5 as published: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86(11), 1998, §II."""

import numpy as np

# Table I: 1 if a map of C3 (column) sees a map of S2 (row). It has 60 connections, ten per row.
TABLE_I = np.array(
    [
        [1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1],
        [1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1],
        [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1],
        [0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1],
        [0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1],
        [0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1],
    ],
    dtype=bool,
)

# §II-B and Appendix A: f(a) = A tanh(S a), so that f(±1) = ±1.
AMPLITUDE = 1.7159
SLOPE = 2 / 3

# §II-B: background −0.1 and ink 1.175 make the input's mean about 0 and its variance about 1.
BACKGROUND, INK = -0.1, 1.175

# §III-B: the global rate of each of the twenty passes. The rate of a single weight is the global rate / (µ + h_kk).
RATES = (5e-4,) * 2 + (2e-4,) * 3 + (1e-4,) * 3 + (5e-5,) * 4 + (1e-5,) * 8
# §III-B: before each pass, the curvatures h_kk are estimated again, on this many examples.
CURVATURE_EXAMPLES = 500

# Figure 3: the code that F6 should produce for each class, as a bitmap of 7 × 12; '#' is +1, '.' is −1.
_FIGURE_3 = """
.#####.  ...##..  .#####.  #######  .#####.  .#####.  ..####.  #######  .#####.  .#####.
.......  ..###..  .......  .....##  .......  .......  .##....  .....##  ##...##  ##..###
..###..  .####..  .#####.  ....##.  .......  #######  ##.....  .....##  ##...##  ##...##
.##.##.  ...##..  ##...##  ...##..  .##..##  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  #....##  ..####.  .##..##  ##.....  ######.  ...##..  .#####.  ##..###
##...##  ...##..  ....##.  .....##  ###..##  .####..  ###..##  ...##..  ##...##  .######
##...##  ...##..  ..###..  .....##  ##...##  ..####.  ##...##  ..##...  ##...##  .....##
##...##  ...##..  .##....  .....##  ##...##  .....##  ##...##  ..##...  ##...##  .....##
.##.##.  ...##..  ##.....  ##...##  ##..###  ##...##  ###..##  ..##...  ##...##  ....##.
..###..  .######  #######  .#####.  .######  .#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .....##  .......  .......  .......  .......  .......
.......  .......  .......  .......  .....##  .......  .......  .......  .......  .......
"""


def _codes() -> np.ndarray:
    rows = [line.split() for line in _FIGURE_3.split("\n") if line]
    bitmaps = ["".join(row[label] for row in rows) for label in range(10)]
    return np.array([[1 if pixel == "#" else -1 for pixel in bitmap] for bitmap in bitmaps], np.float32)


# float32 (10, 84): one code per class.
CODES = _codes()
