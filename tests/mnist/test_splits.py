import hashlib
import io
import json
import math
import time

import numpy as np
import pytest

from lenet.errors import LabError
from lenet.mnist import splits
from lenet.mnist.splits import Split, Statistics, pixel_statistics

DAY_S = 86_400


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (12, 28, 28), dtype=np.uint8), rng.integers(0, 10, 12, dtype=np.uint8))


STATISTICS = Statistics("mnist", 0.1, 0, {"train": [9] * 10, "validation": [1] * 10, "test": [2] * 10}, 33.3, 78.6)


def test_a_split_is_read_as_it_was_saved(folder, split):
    splits.save_split(splits.split_path("train"), split)
    read = splits.load_split("train")
    np.testing.assert_array_equal(read.images, split.images, strict=True)
    np.testing.assert_array_equal(read.labels, split.labels, strict=True)
    assert len(read) == 12


def test_equal_splits_give_equal_bytes_a_day_later_and_one_pixel_other_ones(folder, split, monkeypatch):
    path = splits.split_path("train")
    splits.save_split(path, split)
    before, now = path.read_bytes(), time.time()
    assert splits.md5("train") == hashlib.md5(before, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(time, "time", lambda: now + DAY_S)
    splits.save_split(path, Split(split.images.copy(), split.labels.copy()))
    assert path.read_bytes() == before
    split.images[0, 0, 0] ^= 1
    splits.save_split(path, split)
    assert path.read_bytes() != before


def test_a_save_that_fails_halfway_keeps_the_former_file_and_leaves_nothing_else(folder, split):
    path = splits.split_path("train")
    splits.save_split(path, split)
    before = path.read_bytes()
    unwritable = np.array([lambda: None])
    with pytest.raises(Exception, match="pickle"):
        splits.save_split(path, Split(split.images, unwritable))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def _flip(content: bytes) -> bytes:
    middle = content.index(b"labels.npy") + 150
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="truncated"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(_flip, id="one byte flipped"),
        pytest.param(lambda content: b"<html>not an archive</html>", id="foreign"),
        pytest.param(lambda content: _npz(images=np.zeros((12, 28, 28), np.uint8)), id="without labels"),
        pytest.param(None, id="missing"),
    ],
)
def test_a_damaged_or_missing_split_says_which_stage_makes_it(folder, split, damage):
    path = splits.split_path("train")
    splits.save_split(path, split)
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    with pytest.raises(LabError, match=r"data/processed/train\.npz cannot be read .*: run `dvc repro preprocess`"):
        splits.load_split("train")


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(np.zeros((12, 32, 32), np.uint8), id="32 × 32"),
        pytest.param(np.zeros((11, 28, 28), np.uint8), id="one too few"),
        pytest.param(np.zeros((12, 28, 28), np.float32), id="scaled"),
    ],
)
def test_a_split_with_other_images_is_refused(folder, split, images):
    splits.save_split(splits.split_path("train"), Split(images, split.labels))
    with pytest.raises(LabError, match=r"train\.npz holds .*run `dvc repro preprocess`"):
        splits.load_split("train")


def test_statistics_are_read_as_they_were_saved(folder):
    splits.save_statistics(STATISTICS)
    assert splits.load_statistics() == STATISTICS
    assert splits.STATISTICS.read_text(encoding="utf-8").endswith("}\n")


def _without(key: str) -> str:
    splits.save_statistics(STATISTICS)
    return json.dumps({k: v for k, v in json.loads(splits.STATISTICS.read_text()).items() if k != key})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: "{", id="cut off"),
        pytest.param(lambda: "[]", id="a list"),
        pytest.param(None, id="missing"),
        pytest.param(lambda: _without("pixel_mean"), id="without the mean"),
        pytest.param(lambda: _without("")[:-1] + ', "pixel_median": 0}', id="with an unknown key"),
    ],
)
def test_damaged_or_missing_statistics_say_which_stage_makes_them(folder, content):
    splits.STATISTICS.parent.mkdir(parents=True)
    if content:
        splits.STATISTICS.write_text(content(), encoding="utf-8")
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


def test_pixel_statistics_agree_with_numpy_whatever_the_order_of_the_pixels(split):
    expected = (split.images.mean(dtype=np.float64), split.images.std(dtype=np.float64))
    assert pixel_statistics(split.images) == pytest.approx(expected, rel=1e-12)
    assert pixel_statistics(split.images[::-1]) == pixel_statistics(split.images)


def test_selected_examples_keep_their_order(split):
    some = split.selected(np.array([7, 2, 11]))
    np.testing.assert_array_equal(some.images, split.images[[2, 7, 11]])
    np.testing.assert_array_equal(some.labels, split.labels[[2, 7, 11]])
