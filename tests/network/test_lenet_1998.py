"""Check the paper's constants against known facts about them, because wrong copies circulate."""

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, CODES, RATES, SLOPE, TABLE_I


def test_table_i_connects_each_s2_map_to_ten_c3_maps_and_each_c3_map_to_its_own_3_4_or_6_s2_maps():
    assert TABLE_I.sum(axis=1).tolist() == [10] * 6
    assert TABLE_I.sum(axis=0).tolist() == [3] * 6 + [4] * 9 + [6]
    assert len({tuple(column) for column in TABLE_I.T}) == 16


def test_each_of_the_first_six_c3_maps_sees_three_neighbouring_s2_maps():
    for column in range(6):
        assert set(np.flatnonzero(TABLE_I[:, column])) == {column, (column + 1) % 6, (column + 2) % 6}


def test_the_codes_are_ten_bitmaps_of_plus_and_minus_one():
    assert CODES.shape == (10, 84)
    assert set(np.unique(CODES)) == {-1, 1}


def test_squared_distances_between_codes_range_from_48_to_200():
    distances = {
        (first, second): int(((CODES[first] - CODES[second]) ** 2).sum())
        for first in range(10)
        for second in range(first)
    }
    assert {pair for pair, distance in distances.items() if distance == min(distances.values())} == {(8, 6)}
    assert {pair for pair, distance in distances.items() if distance == max(distances.values())} == {
        (4, 1),
        (7, 4),
        (8, 1),
    }
    assert (min(distances.values()), max(distances.values())) == (48, 200)


def test_the_squashing_function_of_1_is_1():
    assert np.isclose(AMPLITUDE * np.tanh(SLOPE), 1, atol=1e-4)


def test_there_are_twenty_rates_in_falling_order():
    assert len(RATES) == 20
    assert list(RATES) == sorted(RATES, reverse=True)
