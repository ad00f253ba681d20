import hashlib
import io
import math
import time

import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist import splits
from lenet.mnist.splits import Split, pixel_statistics

DAY_S = 86_400
TRAIN = splits.split_path("train")


pytestmark = pytest.mark.usefixtures("workspace")


def test_equal_splits_give_equal_bytes_on_another_day_and_split_md5_is_their_digest(digits, monkeypatch):
    splits.save_split(TRAIN, digits)
    before, now = TRAIN.read_bytes(), time.time()
    assert splits.split_md5("train") == hashlib.md5(before, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(time, "time", lambda: now + DAY_S)
    splits.save_split(TRAIN, Split(digits.images.copy(), digits.labels.copy()))
    assert TRAIN.read_bytes() == before


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _write(path, content):
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)


IMAGES, LABELS = np.zeros((12, 28, 28), np.uint8), np.zeros(12, np.uint8)
WHOLE = _npz(images=IMAGES, labels=LABELS)
LABELS_OFFSET = WHOLE.index(b"labels.npy") + 150


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param(b"", "cannot be read", id="empty"),
        pytest.param(WHOLE[:LABELS_OFFSET], "cannot be read", id="truncated"),
        pytest.param(
            WHOLE[:LABELS_OFFSET] + b"\xff" + WHOLE[LABELS_OFFSET + 1 :], "cannot be read", id="one byte changed"
        ),
        pytest.param(b"<html>no digits</html>", "cannot be read", id="another format"),
        pytest.param(_npz(images=IMAGES), "cannot be read", id="without labels"),
        pytest.param(_npz(images=IMAGES[:11], labels=LABELS), "contains", id="one image too few"),
        pytest.param(_npz(images=IMAGES / 255, labels=LABELS), "contains", id="scaled"),
    ],
)
def test_a_missing_or_damaged_split_says_which_stage_makes_it(content, reason):
    _write(TRAIN, content)
    with pytest.raises(LabError, match=rf"data/processed/train\.npz {reason} .*: run `dvc repro preprocess`"):
        splits.load_split("train")


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
    # The sums exceed 2²⁴ and 2³²: single precision and 32-bit integers would give wrong results.
    assert pixel_statistics(np.full((400, 28, 28), 255, np.uint8)) == (255.0, 0.0)
