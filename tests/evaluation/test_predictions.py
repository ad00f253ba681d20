"""What evaluate saw survives its files."""

import csv
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from support.builders import labels, predictions

from lenet.errors import LabError
from lenet.evaluation.predictions import Predictions, load_predictions, save_predictions

ARRAYS, TABLE = Path("predictions/tanh_sgd.npz"), Path("predictions/tanh_sgd.csv")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_arrays_come_back_with_their_types():
    saved = predictions(seeds=2, n=20)
    save_predictions("tanh_sgd", saved, labels(20))
    back = load_predictions("tanh_sgd")
    for field in fields(Predictions):
        before, after = getattr(saved, field.name), getattr(back, field.name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


def test_equal_predictions_give_equal_bytes():
    save_predictions("tanh_sgd", predictions(2, 20), labels(20))
    first = ARRAYS.read_bytes(), TABLE.read_bytes()
    save_predictions("tanh_sgd", predictions(2, 20), labels(20))
    assert (ARRAYS.read_bytes(), TABLE.read_bytes()) == first


def test_the_table_has_a_row_for_each_seed_and_digit():
    # Two seeds, three digits 0, 1, 2, of which the first is taken for a 1.
    save_predictions("tanh_sgd", predictions(seeds=2, n=3, wrong=1), labels(3))
    with open(TABLE, newline="") as file:
        rows = list(csv.reader(file))
    of_one_seed = [["0", "1"], ["1", "1"], ["2", "2"]]
    assert rows == [["actual", "predicted"], *of_one_seed, *of_one_seed]


def test_nothing_else_is_left_in_the_folder():
    save_predictions("tanh_sgd", predictions(1, 3), labels(3))
    assert sorted(Path("predictions").iterdir()) == [TABLE, ARRAYS]


def test_missing_predictions_are_refused_with_the_command_that_makes_them():
    with pytest.raises(LabError) as caught:
        load_predictions("tanh_sgd")
    message = str(caught.value)
    assert message.startswith(f"{ARRAYS} cannot be read")
    assert message.endswith("run `dvc repro evaluate@tanh_sgd`")
    assert len(message.splitlines()) == 1


def half(content):
    return content[: len(content) // 2]


def with_a_bit_flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(half, id="torn"),
        pytest.param(with_a_bit_flipped, id="flipped"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"hello", id="text"),
        pytest.param(lambda _: b"PK\x03\x04", id="no more than a beginning"),
    ],
)
def test_damaged_predictions_are_refused_in_one_line(damage):
    save_predictions("tanh_sgd", predictions(1, 20), labels(20))
    ARRAYS.write_bytes(damage(ARRAYS.read_bytes()))
    with pytest.raises(LabError) as caught:
        load_predictions("tanh_sgd")
    assert str(caught.value).startswith(f"{ARRAYS} cannot be read")
    assert len(str(caught.value).splitlines()) == 1


def test_predictions_without_an_array_are_refused_by_its_name():
    ARRAYS.parent.mkdir()
    np.savez(ARRAYS, probabilities=np.zeros((1, 3, 10), np.float32))
    with pytest.raises(LabError, match="filters"):
        load_predictions("tanh_sgd")
