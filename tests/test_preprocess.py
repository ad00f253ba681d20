import shutil
from pathlib import Path

import numpy as np
import pytest
from support.params import edit_params
from support.paths import ROOT

from lenet import errors, preprocess
from lenet.errors import LabError
from lenet.mnist import splits
from lenet.mnist.datasets import RAW_FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from lenet.mnist.idx import to_idx
from lenet.mnist.splits import Split
from lenet.settings import Preprocess
from lenet.workspace import RAW


def digits_of(labels, brightness=256):
    labels = np.asarray(labels, np.uint8)
    images = np.random.default_rng(0).integers(0, brightness, (len(labels), 28, 28), dtype=np.uint8)
    return Split(images, labels)


@pytest.fixture
def balanced():
    return digits_of(np.random.default_rng(1).permutation(np.repeat(np.arange(10), 20)))


def settings(validation_size, split_seed=0):
    return Preprocess(validation_size=validation_size, split_seed=split_seed)


def per_class(split):
    return np.bincount(split.labels, minlength=10).tolist()


def set_preprocess(validation_size, split_seed=0):
    with edit_params() as params:
        params["preprocess"] = {"validation_size": validation_size, "split_seed": split_seed}


def write_raw(train, test):
    RAW.mkdir(parents=True, exist_ok=True)
    for name, array in (
        (TRAIN_IMAGES, train.images),
        (TRAIN_LABELS, train.labels),
        (TEST_IMAGES, test.images),
        (TEST_LABELS, test.labels),
    ):
        (RAW / name).write_bytes(to_idx(array))


@pytest.fixture
def raw(tmp_path, monkeypatch, balanced, params):
    """A folder with raw data and settings: a balanced training set, and a darker test set of 30."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
    write_raw(balanced, digits_of(np.tile(np.arange(10), 3), brightness=100))
    return tmp_path


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """The project's settings that hold out a tenth, as text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("params"))
        path = Path(shutil.copy(ROOT / "params.yaml", "."))
        set_preprocess(validation_size=0.1)
        return path.read_text(encoding="utf-8")


# The split


@pytest.mark.parametrize("size", [50, 0.25])
def test_a_count_and_a_fraction_hold_out_as_many(balanced, size):
    kept, held_out = preprocess.split_train(balanced, settings(size))
    assert (len(kept), len(held_out)) == (150, 50)


def test_every_class_is_held_out_in_proportion():
    train = digits_of(np.repeat(np.arange(10), range(20, 120, 10)))
    kept, held_out = preprocess.split_train(train, settings(0.1))
    assert per_class(held_out) == list(range(2, 12))
    assert per_class(kept) == list(range(18, 108, 9))


def test_every_example_comes_once_with_its_label(balanced):
    numbered = Split(np.zeros((200, 28, 28), np.uint8), balanced.labels)
    numbered.images[:, 0, 0] = np.arange(200)
    parts = preprocess.split_train(numbered, settings(0.1))
    labels = {int(image[0, 0]): label for part in parts for image, label in zip(part.images, part.labels, strict=True)}
    assert [labels[number] for number in range(200)] == balanced.labels.tolist()
    assert sum(map(len, parts)) == 200


def test_both_parts_keep_the_order_of_the_source(balanced):
    numbered = Split(np.zeros((200, 28, 28), np.uint8), balanced.labels)
    numbered.images[:, 0, 0] = np.arange(200)
    for part in preprocess.split_train(numbered, settings(0.25)):
        assert (np.diff(part.images[:, 0, 0].astype(int)) > 0).all()


def test_the_same_seed_holds_out_the_same_examples(balanced):
    once, again = (preprocess.split_train(balanced, settings(0.1, split_seed=7))[1] for _ in range(2))
    np.testing.assert_array_equal(once.images, again.images)


def test_another_seed_holds_out_other_examples(balanced):
    first, second = (preprocess.split_train(balanced, settings(0.1, split_seed=seed))[1] for seed in (0, 1))
    assert not np.array_equal(first.images, second.images)


@pytest.mark.parametrize("size", [191, 200, 5000, 0.999])
def test_too_large_a_validation_set_is_refused_in_one_line(balanced, size):
    with pytest.raises(LabError) as refusal:
        preprocess.split_train(balanced, settings(size))
    assert str(refusal.value).startswith(
        f"params.yaml: preprocess.validation_size: {size} does not suit 200 training examples: "
    )
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("size", [9, 0.001])
def test_a_validation_set_smaller_than_the_number_of_classes_is_refused(balanced, size):
    with pytest.raises(LabError, match=rf"preprocess\.validation_size: {size} does not suit 200 training examples"):
        preprocess.split_train(balanced, settings(size))


def test_a_validation_set_without_some_class_is_refused():
    train = digits_of(np.repeat(np.arange(10), [30] * 9 + [2]))  # the last class's share of 10 is a tenth of one
    with pytest.raises(LabError, match=r"preprocess\.validation_size: 10"):
        preprocess.split_train(train, settings(10))


# The raw files


@pytest.mark.parametrize("name", RAW_FILES)
def test_a_missing_raw_file_says_which_stage_fetches_it(raw, name):
    (RAW / name).unlink()
    with pytest.raises(LabError, match=rf"^data/raw/{name} is missing: run `dvc repro download`$"):
        preprocess.main()


def test_a_truncated_raw_file_is_refused_with_the_sizes(raw):
    path = RAW / TRAIN_IMAGES
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LabError, match=rf"^{path} is damaged: its header says 156800 bytes of data, it has 156700$"):
        preprocess.main()


def test_images_and_labels_of_different_counts_are_refused(raw, balanced):
    (RAW / TRAIN_LABELS).write_bytes(to_idx(balanced.labels[:-1]))
    with pytest.raises(LabError, match=r"\(200, 28, 28\) does not match train-labels-idx1-ubyte of shape \(199,\)"):
        preprocess.main()


def test_images_of_another_size_are_refused(raw, balanced):
    (RAW / TRAIN_IMAGES).write_bytes(to_idx(balanced.images[:, 4:, 4:]))
    with pytest.raises(LabError, match=r"data/raw: train-images-idx3-ubyte of shape \(200, 24, 24\)"):
        preprocess.main()


def test_labels_with_more_than_one_axis_are_refused(raw, balanced):
    (RAW / TRAIN_LABELS).write_bytes(to_idx(balanced.labels.reshape(20, 10)))
    (RAW / TRAIN_IMAGES).write_bytes(to_idx(balanced.images.reshape(20, 10, 28, 28)))
    with pytest.raises(LabError, match=r"does not match train-labels-idx1-ubyte of shape \(20, 10\)"):
        preprocess.main()


def test_a_label_that_is_no_digit_is_refused(raw, balanced):
    balanced.labels[3] = 10
    (RAW / TRAIN_LABELS).write_bytes(to_idx(balanced.labels))
    with pytest.raises(LabError, match=r"data/raw/train-labels-idx1-ubyte has the label 10: expected labels 0 to 9"):
        preprocess.main()


# The stage


def test_the_stage_writes_the_three_splits_and_their_statistics(raw):
    preprocess.main()
    names = sorted(path.name for path in splits.PROCESSED.iterdir())
    assert names == ["statistics.json", "test.npz", "train.npz", "validation.npz"]


def test_the_stage_leaves_the_test_set_as_it_stands(raw):
    preprocess.main()
    expected = preprocess.read_raw(TEST_IMAGES, TEST_LABELS)
    test = splits.load_split("test")
    np.testing.assert_array_equal(test.images, expected.images)
    np.testing.assert_array_equal(test.labels, expected.labels)


def test_the_statistics_count_every_class_of_every_split(raw):
    preprocess.main()
    counts = splits.load_statistics().examples_per_class
    assert counts == {"train": [18] * 10, "validation": [2] * 10, "test": [3] * 10}


def test_the_statistics_are_those_of_the_training_split_alone(raw):
    preprocess.main()
    statistics = splits.load_statistics()
    expected = splits.pixel_statistics(splits.load_split("train").images)
    assert (statistics.pixel_mean, statistics.pixel_sd) == expected
    assert expected != splits.pixel_statistics(preprocess.read_raw(TRAIN_IMAGES, TRAIN_LABELS).images)


def test_the_statistics_name_the_settings_they_come_from(raw):
    set_preprocess(validation_size=30, split_seed=4)
    preprocess.main()
    statistics = splits.load_statistics()
    assert (statistics.dataset, statistics.validation_size, statistics.split_seed) == ("mnist", 30, 4)


def test_running_the_stage_again_gives_the_same_bytes(raw):
    preprocess.main()
    before = {path: path.read_bytes() for path in splits.PROCESSED.iterdir()}
    preprocess.main()
    assert {path: path.read_bytes() for path in splits.PROCESSED.iterdir()} == before


def test_another_split_seed_gives_another_training_split_but_the_same_test_set(raw):
    preprocess.main()
    before = {name: splits.md5(name) for name in ("train", "validation", "test")}
    set_preprocess(validation_size=0.1, split_seed=1)
    preprocess.main()
    assert [name for name in before if splits.md5(name) != before[name]] == ["train", "validation"]


@pytest.mark.parametrize("dataset_damage", ["missing test labels", "validation size"])
def test_a_refused_run_writes_nothing(raw, dataset_damage):
    if dataset_damage == "validation size":
        set_preprocess(validation_size=5000)
    else:
        (RAW / TEST_LABELS).unlink()
    with pytest.raises(LabError):
        preprocess.main()
    assert not splits.PROCESSED.exists()


def test_the_command_reports_a_refusal_in_one_line(raw):
    set_preprocess(validation_size=5000)
    with pytest.raises(SystemExit) as end:
        errors.run(preprocess.main)
    assert end.value.code.startswith("error: params.yaml: preprocess.validation_size: 5000 does not suit 200")
    assert "\n" not in end.value.code
