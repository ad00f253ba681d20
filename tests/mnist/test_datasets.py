import hashlib
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.builders import study
from support.mirrors import fill, folder, in_raw, known_files, server, tiny, use_dataset  # noqa: F401

from lenet import download, preprocess
from lenet.errors import LabError
from lenet.mnist import datasets, idx, splits
from lenet.mnist.datasets import DATASETS, Dataset
from lenet.report.wording import dataset_title
from lenet.tracking import pages, registry

# The table


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_data_set_is_downloaded_or_made(dataset):
    names = tuple(file.name for file in dataset.files)
    assert (names, dataset.make is None) in [(datasets.RAW_FILES, True), ((), False)]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_data_set_has_a_name_that_suits_an_environment_variable(dataset):
    assert dataset.mirror_variable.isidentifier()


def test_no_two_data_sets_share_a_registered_model():
    assert len({dataset.model_name for dataset in DATASETS.values()}) == len(DATASETS)


def test_an_unknown_data_set_is_refused_with_the_nearest_known_one():
    with pytest.raises(LabError, match=r"^no data set digit: did you mean digits\?$"):
        datasets.find("digit")


def test_the_table_is_read_without_loading_a_library_of_data_sets():
    code = "import sys, lenet.mnist.datasets; print({'sklearn', 'tensorflow', 'keras'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


# A new data set


@pytest.fixture
def fashion(tiny, server, monkeypatch):
    """A data set that is one entry in the table, served over HTTP, and chosen in one line of params.yaml."""
    entry = Dataset(
        name="fashion",
        title="Fashion-MNIST",
        description="Fashion-MNIST, which shows ten kinds of clothes",
        model_name="lenet5-fashion",
        files=known_files(tiny),
        mirrors=(server.url("whole"),),
    )
    monkeypatch.setitem(DATASETS, "fashion", entry)
    params = Path("params.yaml").read_text(encoding="utf-8").splitlines()
    use_dataset("fashion")
    changed = zip(params, Path("params.yaml").read_text(encoding="utf-8").splitlines(), strict=True)
    assert [new.split()[:2] for old, new in changed if new != old] == [["dataset:", "fashion"]]
    return entry


def test_a_new_data_set_is_downloaded_and_split(fashion, tiny):
    download.main()
    preprocess.main()
    assert splits.load_statistics().dataset == "fashion"
    assert {name: len(splits.load_split(name)) for name in ("train", "validation", "test")} == {
        "train": 180,
        "validation": 20,
        "test": 30,
    }
    expected = idx.from_idx(tiny[datasets.TEST_IMAGES], datasets.TEST_IMAGES)
    np.testing.assert_array_equal(splits.load_split("test").images, expected)


def test_a_new_data_set_may_come_from_a_folder_that_its_own_variable_names(fashion, folder, tiny, server, monkeypatch):
    fill(folder / "clothes", tiny)
    monkeypatch.setenv("FASHION_MIRROR", "clothes")
    download.main()
    assert in_raw() == tiny
    assert server.asked == []


def test_a_new_data_sets_title_is_in_tables_and_reports(fashion):
    assert dataset_title(study({"tanh_sgd": [1.0]}, dataset="fashion")) == "Fashion-MNIST"


@pytest.mark.parametrize(
    "describe", [lambda dataset: pages.study_experiment(dataset).description, pages.describe_model]
)
def test_a_new_data_sets_description_is_in_mlflows_pages(fashion, describe):
    assert "Fashion-MNIST, which shows ten kinds of clothes." in describe("fashion")


def test_a_new_data_sets_models_are_registered_under_its_own_name(fashion):
    assert registry.model_name("fashion") == "lenet5-fashion"
    assert registry.model_uri("fashion") == "models:/lenet5-fashion@champion"


def test_the_papers_errors_are_shown_beside_mnist_only(fashion):
    published = {"tanh_sgd": 0.95}
    assert study({"tanh_sgd": [1.0]}, published=published, dataset="mnist").published["tanh_sgd"].error_percent == 0.95
    assert study({"tanh_sgd": [1.0]}, published=published, dataset="fashion").published == {}


# Files


def test_a_file_holds_its_own_content():
    content = b"seven bytes and more"
    assert datasets.KnownFile("f", len(content), hashlib.sha256(content).hexdigest()).holds(content)


@pytest.mark.parametrize("content", [b"", b"seven bytes and mor", b"seven bytes and MORE", b"seven bytes and more."])
def test_a_file_holds_nothing_else(content):
    right = b"seven bytes and more"
    assert not datasets.KnownFile("f", len(right), hashlib.sha256(right).hexdigest()).holds(content)


@pytest.mark.parametrize(
    ("file", "shape"),
    list(zip(DATASETS["mnist"].files, [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)], strict=True)),
)
def test_the_known_sizes_are_those_of_mnist(file, shape):
    assert file.size == 4 + 4 * len(shape) + math.prod(shape)


# The bundled digits


@pytest.fixture(scope="module")
def bundled():
    return datasets.bundled_digits()


def test_the_bundled_digits_come_as_the_four_files(bundled):
    assert tuple(bundled) == datasets.RAW_FILES


def test_the_bundled_digits_are_1797_in_all(bundled):
    assert len(bundled[datasets.TRAIN_LABELS]) + len(bundled[datasets.TEST_LABELS]) == 1797


@pytest.mark.parametrize(
    ("images", "labels"), [(datasets.TRAIN_IMAGES, datasets.TRAIN_LABELS), (datasets.TEST_IMAGES, datasets.TEST_LABELS)]
)
def test_the_bundled_digits_have_mnists_shape_and_type(bundled, images, labels):
    assert bundled[images].shape == (*bundled[labels].shape, 28, 28)
    assert bundled[images].dtype == bundled[labels].dtype == np.uint8


@pytest.mark.parametrize("labels", [datasets.TRAIN_LABELS, datasets.TEST_LABELS])
def test_both_bundled_sets_show_every_digit(bundled, labels):
    assert np.unique(bundled[labels]).tolist() == list(range(10))


@pytest.mark.parametrize("images", [datasets.TRAIN_IMAGES, datasets.TEST_IMAGES])
def test_the_bundled_digits_use_the_whole_range_of_grey(bundled, images):
    assert (bundled[images].min(), bundled[images].max()) == (0, 255)


def test_the_bundled_test_set_is_the_last_fifth_of_the_source(bundled):
    from sklearn.datasets import load_digits

    np.testing.assert_array_equal(bundled[datasets.TEST_LABELS], load_digits().target[-359:])


def test_each_bundled_pixel_becomes_a_block_of_three_by_three(bundled):
    from sklearn.datasets import load_digits

    inner = bundled[datasets.TRAIN_IMAGES][0, 2:-2, 2:-2]
    expected = np.floor(np.kron(load_digits().images[0], np.ones((3, 3))) * 255 / 16)
    np.testing.assert_array_equal(inner, expected)


def test_the_bundled_digits_have_an_empty_border_of_two(bundled):
    framed = bundled[datasets.TRAIN_IMAGES].copy()
    framed[:, 2:-2, 2:-2] = 0
    assert not framed.any()


def test_the_bundled_digits_are_the_same_each_time(bundled):
    again = datasets.bundled_digits()
    assert all(idx.to_idx(again[file]) == idx.to_idx(array) for file, array in bundled.items())
