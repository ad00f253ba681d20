import numpy as np
import pytest
from support.params import edit_params
from support.stages import files_read, undeclared

from lenet import preprocess
from lenet.errors import LabError
from lenet.mnist import splits
from lenet.mnist.datasets import RAW_FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from lenet.mnist.idx import to_idx
from lenet.mnist.splits import Split
from lenet.settings import Preprocess
from lenet.workspace import RAW


def split_with(labels):
    """Return a split with these labels and random images."""
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
    return Split(images, labels.astype(np.uint8))


@pytest.fixture
def balanced():
    return split_with(np.random.default_rng(1).permutation(np.repeat(np.arange(10), 20)))


def settings(validation_size):
    return Preprocess(validation_size=validation_size, split_seed=0)


def per_class(split):
    return np.bincount(split.labels, minlength=10).tolist()


def set_preprocess(validation_size, split_seed=0):
    with edit_params() as params:
        params["preprocess"] = {"validation_size": validation_size, "split_seed": split_seed}


@pytest.fixture
def raw(workspace, balanced):
    """A workspace with raw data: a balanced training set, and a test set of 30 images."""
    set_preprocess(validation_size=0.1)
    test = split_with(np.tile(np.arange(10), 3))
    RAW.mkdir(parents=True)
    for name, array in zip(RAW_FILES, (balanced.images, balanced.labels, test.images, test.labels), strict=True):
        (RAW / name).write_bytes(to_idx(array))


# The split


def test_the_validation_split_has_an_equal_share_of_every_class():
    train = split_with(np.repeat(np.arange(10), range(20, 120, 10)))
    kept, held_out = preprocess.split_train(train, settings(0.1))
    assert per_class(held_out) == list(range(2, 12))
    assert per_class(kept) == list(range(18, 108, 9))


def test_every_image_is_in_one_split_with_its_label_and_in_the_original_order(balanced):
    balanced.images[:, 0, 0] = np.arange(200)
    parts = preprocess.split_train(balanced, settings(0.25))
    kept, held_out = (part.images[:, 0, 0].tolist() for part in parts)
    assert (len(kept), len(held_out)) == (150, 50)
    assert sorted(kept + held_out) == list(range(200))
    for part, examples in zip(parts, (kept, held_out), strict=True):
        assert examples == sorted(examples)
        assert part.labels.tolist() == balanced.labels[examples].tolist()


@pytest.mark.parametrize("size", [9, 0.999])
def test_a_validation_size_that_is_too_small_or_too_large_is_refused_in_one_line(balanced, size):
    place = rf"params.yaml: preprocess\.validation_size: {size}"
    with pytest.raises(
        LabError, match=rf"^{place} cannot be used with 200 training examples \(.*\): choose another size$"
    ):
        preprocess.split_train(balanced, settings(size))


def test_a_validation_split_without_a_class_is_refused():
    train = split_with(np.repeat(np.arange(10), [30] * 9 + [2]))  # 2 of 272 images: a validation split of 10 gets none
    with pytest.raises(LabError, match=r"preprocess\.validation_size: 10 leaves class 9 without an example"):
        preprocess.split_train(train, settings(10))


# The raw files


def images_and_labels(images, labels):
    return {TRAIN_IMAGES: to_idx(np.zeros(images, np.uint8)), TRAIN_LABELS: to_idx(np.zeros(labels, np.uint8))}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param({TEST_LABELS: None}, rf"{TEST_LABELS} is missing: run `dvc repro download`$", id="missing"),
        pytest.param({TRAIN_IMAGES: b""}, f"{TRAIN_IMAGES} is not a valid IDX file", id="empty"),
        pytest.param(
            images_and_labels((200, 28, 28), (199,)),
            rf"{TRAIN_IMAGES} of shape \(200, 28, 28\) does not match {TRAIN_LABELS} of shape \(199,\)",
            id="one label too few",
        ),
        pytest.param(
            images_and_labels((20, 10, 28, 28), (20, 10)), r"expected \(n, 28, 28\) and \(n,\)", id="too many axes"
        ),
        pytest.param(
            {TRAIN_LABELS: to_idx(np.arange(200, dtype=np.uint8) % 11)},
            f"{TRAIN_LABELS} has the label 10: expected labels 0 to 9",
            id="a label above 9",
        ),
    ],
)
def test_invalid_raw_files_are_refused_and_nothing_is_written(raw, content, message):
    for name, data in content.items():
        if data is None:
            (RAW / name).unlink()
        else:
            (RAW / name).write_bytes(data)
    with pytest.raises(LabError, match=f"^{RAW}.*{message}"):
        preprocess.main()
    assert not splits.PROCESSED.exists()


# The stage


def test_the_pixel_statistics_are_those_of_the_training_split_and_the_test_images_stay_as_they_are(raw):
    set_preprocess(validation_size=30, split_seed=4)
    preprocess.main()
    statistics = splits.load_statistics()
    assert (statistics.dataset, statistics.validation_size, statistics.split_seed) == ("mnist", 30, 4)
    assert statistics.examples_per_class == {"train": [17] * 10, "validation": [3] * 10, "test": [3] * 10}
    expected = splits.pixel_statistics(splits.load_split("train").images)
    assert (statistics.pixel_mean, statistics.pixel_sd) == expected
    raw_test, test = preprocess.read_raw(TEST_IMAGES, TEST_LABELS), splits.load_split("test")
    np.testing.assert_array_equal(test.images, raw_test.images)
    np.testing.assert_array_equal(test.labels, raw_test.labels)


def test_another_split_seed_changes_all_but_the_test_split_and_equal_seeds_give_equal_bytes(raw):
    written = []
    for seed in (0, 1, 0):
        set_preprocess(validation_size=0.1, split_seed=seed)
        preprocess.main()
        written.append({path.name: path.read_bytes() for path in splits.PROCESSED.iterdir()})
    first, other, again = written
    changed = sorted(name for name in first if first[name] != other[name])
    assert changed == ["statistics.json", "train.npz", "validation.npz"]
    assert first == again


def test_preprocess_reads_only_files_that_dvc_yaml_declares(raw):
    files = files_read(preprocess.main)
    assert {f"data/raw/{name}" for name in RAW_FILES} <= set(files)
    assert undeclared("preprocess", files) == []
