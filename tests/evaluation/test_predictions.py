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


def test_missing_predictions_are_refused_with_the_command_that_makes_them():
    with pytest.raises(LabError, match=rf"^{ARRAYS} cannot be read .*run `dvc repro evaluate@tanh_sgd`$"):
        load_predictions("tanh_sgd")
