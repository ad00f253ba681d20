import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from support.mirrors import folder, known_files, tiny_files, use_dataset, write_files  # noqa: F401

from lenet import download, preprocess
from lenet.mnist import datasets, splits
from lenet.mnist.datasets import DATASETS, Dataset
from lenet.workspace import RAW

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package dataset-fashion-mnist puts the files


def test_every_data_set_is_downloaded_or_made_and_has_its_own_mirror_variable_and_model_name():
    for dataset in DATASETS.values():
        names = tuple(file.name for file in dataset.files)
        assert (names, dataset.make is None) in [(datasets.RAW_FILES, True), ((), False)]
        assert dataset.mirror_variable.isidentifier()
    assert len({dataset.model_name for dataset in DATASETS.values()}) == len(DATASETS)


@pytest.mark.skipif(
    not FASHION_MNIST.is_dir() and "CI" not in os.environ, reason="needs Debian's package dataset-fashion-mnist"
)
def test_the_files_of_fashion_mnist_are_accepted(workspace, monkeypatch):
    use_dataset("fashion_mnist")
    monkeypatch.setenv("FASHION_MNIST_MIRROR", str(FASHION_MNIST))
    download.main()
    assert {path.name for path in RAW.iterdir()} == set(datasets.RAW_FILES)


def test_named_classes_are_listed_with_their_labels():
    assert DATASETS["mnist"].class_list == ""
    assert DATASETS["fashion_mnist"].class_list.startswith("0 T-shirt or top, 1 trouser, ")


def test_the_table_of_data_sets_is_imported_without_sklearn_tensorflow_or_keras():
    code = "import sys, lenet.mnist.datasets; print({'sklearn', 'tensorflow', 'keras'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_a_new_data_set_is_one_entry_and_is_read_from_the_mirror_in_its_own_variable(tiny_files, folder, monkeypatch):
    entry = Dataset(
        name="letters",
        title="Letters",
        description="letters from A to J",
        model_name="lenet5-letters",
        files=known_files(tiny_files),
    )
    monkeypatch.setitem(DATASETS, "letters", entry)
    use_dataset("letters")
    write_files(folder / "alphabet", tiny_files)
    monkeypatch.setenv("LETTERS_MIRROR", "alphabet")
    download.main()
    preprocess.main()
    assert splits.load_statistics().dataset == "letters"
    sizes = {name: len(splits.load_split(name)) for name in ("train", "validation", "test")}
    assert sizes == {"train": 180, "validation": 20, "test": 30}


def test_the_bundled_digits_have_mnists_format_and_their_test_set_is_the_last_fifth_of_the_source():
    source, bundled = load_digits(), datasets.bundled_digits()
    assert {name: array.shape for name, array in bundled.items()} == {
        datasets.TRAIN_IMAGES: (1438, 28, 28),
        datasets.TRAIN_LABELS: (1438,),
        datasets.TEST_IMAGES: (359, 28, 28),
        datasets.TEST_LABELS: (359,),
    }
    assert {array.dtype for array in bundled.values()} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(bundled[datasets.TEST_LABELS], source.target[-359:])
    # Each pixel becomes a block of 3 × 3, an empty border of 2 is added, and grey levels 0–16 become 0–255.
    for name, index in ((datasets.TRAIN_IMAGES, 0), (datasets.TEST_IMAGES, -1)):
        enlarged = np.floor(np.kron(source.images[index], np.ones((3, 3))) * 255 / 16)
        np.testing.assert_array_equal(bundled[name][index], np.pad(enlarged, 2))
