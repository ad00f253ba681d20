import hashlib
import io
import math
import time

import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist import splits
from lenet.mnist.splits import Split, Statistics, pixel_statistics

DAY_S = 86_400
TRAIN = splits.split_path("train")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (12, 28, 28), dtype=np.uint8), rng.integers(0, 10, 12, dtype=np.uint8))


def test_a_split_is_read_as_it_was_saved(split):
    splits.save_split(TRAIN, split)
    read = splits.load_split("train")
    np.testing.assert_array_equal(read.images, split.images, strict=True)
    np.testing.assert_array_equal(read.labels, split.labels, strict=True)


def test_equal_splits_give_equal_bytes_a_day_later_which_the_digest_is_of(split, monkeypatch):
    splits.save_split(TRAIN, split)
    before, now = TRAIN.read_bytes(), time.time()
    assert splits.md5("train") == hashlib.md5(before, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(time, "time", lambda: now + DAY_S)
    splits.save_split(TRAIN, Split(split.images.copy(), split.labels.copy()))
    assert TRAIN.read_bytes() == before


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _write(path, content):
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)


DIGITS, LABELS = np.zeros((12, 28, 28), np.uint8), np.zeros(12, np.uint8)
WHOLE = _npz(images=DIGITS, labels=LABELS)
IN_LABELS = WHOLE.index(b"labels.npy") + 150


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param(b"", "cannot be read", id="empty"),
        pytest.param(WHOLE[:IN_LABELS], "cannot be read", id="truncated"),
        pytest.param(WHOLE[:IN_LABELS] + b"\xff" + WHOLE[IN_LABELS + 1 :], "cannot be read", id="one byte changed"),
        pytest.param(b"<html>no digits</html>", "cannot be read", id="foreign"),
        pytest.param(_npz(images=DIGITS), "cannot be read", id="without labels"),
        pytest.param(_npz(images=DIGITS[:11], labels=LABELS), "holds", id="an image too few"),
        pytest.param(_npz(images=DIGITS / 255, labels=LABELS), "holds", id="scaled"),
    ],
)
def test_a_missing_or_damaged_split_says_which_stage_makes_it(content, reason):
    _write(TRAIN, content)
    with pytest.raises(LabError, match=rf"data/processed/train\.npz {reason} .*: run `dvc repro preprocess`"):
        splits.load_split("train")


def test_statistics_are_read_as_they_were_saved():
    counts = {"train": [9] * 10, "validation": [1] * 10, "test": [2] * 10}
    statistics = Statistics("mnist", 0.1, 0, counts, pixel_mean=33.3, pixel_sd=78.6)
    splits.save_statistics(statistics)
    assert splits.load_statistics() == statistics


@pytest.mark.parametrize("content", [None, b"{", b"{}"], ids=["missing", "cut off", "without a value"])
def test_missing_or_damaged_statistics_say_which_stage_makes_them(content):
    _write(splits.STATISTICS, content)
    with pytest.raises(LabError, match=r"statistics\.json cannot be read .*: run `dvc repro preprocess`"):
        splits.load_statistics()


def test_pixel_statistics_are_those_of_a_case_worked_by_hand():
    images = np.array([[[0, 0]], [[0, 255]]], np.uint8)  # mean 255/4; variance 255² (1/4 - 1/16) = 255² · 3/16
    mean, sd = pixel_statistics(images)
    assert mean == 63.75
    assert sd == pytest.approx(255 * math.sqrt(3) / 4, rel=1e-15)


def test_pixel_statistics_of_many_bright_pixels_are_exact():
    # Sums beyond 2²⁴ and 2³², where single precision and 32-bit integers go wrong.
    assert pixel_statistics(np.full((400, 28, 28), 255, np.uint8)) == (255.0, 0.0)


def test_selected_examples_keep_their_order(split):
    some = split.selected(np.array([7, 2, 11]))
    np.testing.assert_array_equal(some.images, split.images[[2, 7, 11]])
    np.testing.assert_array_equal(some.labels, split.labels[[2, 7, 11]])
