"""What evaluate saw survives its files."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from support.builders import predictions

from lenet.errors import LabError
from lenet.evaluation.predictions import Predictions, load_predictions, save_predictions

ARRAYS = Path("predictions/tanh_sgd.npz")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_arrays_come_back_with_their_types():
    saved = predictions(seeds=2, n=20)
    save_predictions("tanh_sgd", saved)
    back = load_predictions("tanh_sgd")
    for field in fields(Predictions):
        before, after = getattr(saved, field.name), getattr(back, field.name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


def test_equal_predictions_give_equal_bytes():
    save_predictions("tanh_sgd", predictions(2, 20))
    first = ARRAYS.read_bytes()
    save_predictions("tanh_sgd", predictions(2, 20))
    assert ARRAYS.read_bytes() == first


def test_nothing_else_is_left_in_the_folder():
    save_predictions("tanh_sgd", predictions(1, 3))
    assert sorted(Path("predictions").iterdir()) == [ARRAYS]


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
    save_predictions("tanh_sgd", predictions(1, 20))
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
