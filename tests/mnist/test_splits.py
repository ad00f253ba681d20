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


def _flip(content: bytes) -> bytes:
    middle = content.index(b"labels.npy") + 150
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


DIGITS, LABELS = np.zeros((12, 28, 28), np.uint8), np.zeros(12, np.uint8)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lambda content: content[: len(content) // 2], "cannot be read", id="truncated"),
        pytest.param(lambda content: b"", "cannot be read", id="empty"),
        pytest.param(_flip, "cannot be read", id="one byte flipped"),
        pytest.param(lambda content: b"<html>no digits</html>", "cannot be read", id="foreign"),
        pytest.param(lambda content: _npz(images=DIGITS), "cannot be read", id="without labels"),
        pytest.param(lambda content: _npz(images=DIGITS[:11], labels=LABELS), "holds", id="an image too few"),
        pytest.param(lambda content: _npz(images=DIGITS[:, 4:], labels=LABELS), "holds", id="24 × 28"),
        pytest.param(lambda content: _npz(images=DIGITS / 255, labels=LABELS), "holds", id="scaled"),
    ],
)
def test_a_damaged_split_says_which_stage_makes_it(folder, split, damage, reason):
    path = splits.split_path("train")
    splits.save_split(path, split)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LabError, match=rf"data/processed/train\.npz {reason} .*: run `dvc repro preprocess`"):
        splits.load_split("train")


def test_missing_files_say_which_stage_makes_them(folder):
    for file, load in (("test.npz", lambda: splits.load_split("test")), ("statistics.json", splits.load_statistics)):
        with pytest.raises(LabError, match=rf"data/processed/{file} cannot be read .*: run `dvc repro preprocess`"):
            load()


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
        pytest.param(lambda: _without("pixel_mean"), id="without the mean"),
        pytest.param(lambda: _without("")[:-1] + ', "pixel_median": 0}', id="with an unknown key"),
    ],
)
def test_damaged_statistics_say_which_stage_makes_them(folder, content):
    splits.STATISTICS.parent.mkdir(parents=True)
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


def test_pixel_statistics_do_not_depend_on_the_order_of_the_pixels(split):
    assert pixel_statistics(split.images[::-1]) == pixel_statistics(split.images)


def test_selected_examples_keep_their_order(split):
    some = split.selected(np.array([7, 2, 11]))
    np.testing.assert_array_equal(some.images, split.images[[2, 7, 11]])
    np.testing.assert_array_equal(some.labels, split.labels[[2, 7, 11]])
