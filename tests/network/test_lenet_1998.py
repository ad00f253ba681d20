"""The paper's constants against what is known of them: wrong copies circulate."""

import numpy as np

from lenet.network.lenet_1998 import AMPLITUDE, CODES, RATES, SLOPE, TABLE_I


def test_table_i_has_ten_connections_per_map_of_s2_and_three_four_or_six_per_map_of_c3_no_two_alike():
    assert TABLE_I.sum(axis=1).tolist() == [10] * 6
    assert TABLE_I.sum(axis=0).tolist() == [3] * 6 + [4] * 9 + [6]
    assert len({tuple(column) for column in TABLE_I.T}) == 16


def test_the_first_six_columns_of_table_i_are_three_neighbours_each():
    for column in range(6):
        assert set(np.flatnonzero(TABLE_I[:, column])) == {column, (column + 1) % 6, (column + 2) % 6}


def test_the_codes_are_ten_bitmaps_of_plus_and_minus_one():
    assert CODES.shape == (10, 84)
    assert set(np.unique(CODES)) == {-1, 1}


def test_squared_distances_between_codes_run_from_48_to_200():
    distances = {
        (one, other): int(((CODES[one] - CODES[other]) ** 2).sum()) for one in range(10) for other in range(one)
    }
    assert {pair for pair, distance in distances.items() if distance == min(distances.values())} == {(8, 6)}
    assert {pair for pair, distance in distances.items() if distance == max(distances.values())} == {
        (4, 1),
        (7, 4),
        (8, 1),
    }
    assert (min(distances.values()), max(distances.values())) == (48, 200)


def test_squashing_leaves_plus_and_minus_one_where_they_are():
    assert np.isclose(AMPLITUDE * np.tanh(SLOPE), 1, atol=1e-4)


def test_the_rates_are_those_of_twenty_passes():
    assert len(RATES) == 20
    assert list(RATES) == sorted(RATES, reverse=True)
