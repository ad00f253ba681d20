import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
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
def test_every_data_set_is_downloaded_or_made_and_can_name_an_environment_variable(dataset):
    names = tuple(file.name for file in dataset.files)
    assert (names, dataset.make is None) in [(datasets.RAW_FILES, True), ((), False)]
    assert dataset.mirror_variable.isidentifier()


def test_no_two_data_sets_share_a_registered_model():
    assert len({dataset.model_name for dataset in DATASETS.values()}) == len(DATASETS)


def test_an_unknown_data_set_is_refused_with_the_nearest_known_one():
    with pytest.raises(LabError, match=r"^no data set digit: did you mean digits\?$"):
        datasets.find("digit")


def test_the_table_is_read_without_loading_a_library_of_data_sets():
    code = "import sys, lenet.mnist.datasets; print({'sklearn', 'tensorflow', 'keras'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_the_known_sizes_are_those_of_mnist():
    shapes = [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]
    assert [file.size for file in DATASETS["mnist"].files] == [4 + 4 * len(each) + math.prod(each) for each in shapes]


# A new data set


@pytest.fixture
def fashion(tiny, server, monkeypatch):
    """A data set that is one entry in the table, served over HTTP, and chosen by its name in params.yaml."""
    entry = Dataset(
        name="fashion",
        title="Fashion-MNIST",
        description="Fashion-MNIST, which shows ten kinds of clothes",
        model_name="lenet5-fashion",
        files=known_files(tiny),
        mirrors=(server.url("whole"),),
    )
    monkeypatch.setitem(DATASETS, "fashion", entry)
    use_dataset("fashion")
    return entry


def test_a_new_data_set_is_downloaded_and_split(fashion, tiny):
    download.main()
    preprocess.main()
    assert splits.load_statistics().dataset == "fashion"
    sizes = {name: len(splits.load_split(name)) for name in ("train", "validation", "test")}
    assert sizes == {"train": 180, "validation": 20, "test": 30}
    expected = idx.from_idx(tiny[datasets.TEST_IMAGES], datasets.TEST_IMAGES)
    np.testing.assert_array_equal(splits.load_split("test").images, expected)


def test_a_new_data_set_may_come_from_a_folder_that_its_own_variable_names(fashion, folder, tiny, server, monkeypatch):
    fill(folder / "clothes", tiny)
    monkeypatch.setenv("FASHION_MIRROR", "clothes")
    download.main()
    assert in_raw() == tiny
    assert server.asked == []


def test_a_new_data_set_is_called_by_its_own_names_in_reports_and_in_mlflow(fashion):
    assert dataset_title(study({"tanh_sgd": [1.0]}, dataset="fashion")) == "Fashion-MNIST"
    for description in (pages.study_experiment("fashion").description, pages.describe_model("fashion")):
        assert "Fashion-MNIST, which shows ten kinds of clothes." in description
    assert registry.model_uri("fashion") == "models:/lenet5-fashion@champion"


def test_the_papers_errors_are_shown_beside_mnist_only(fashion):
    published = {"tanh_sgd": 0.95}
    assert study({"tanh_sgd": [1.0]}, published=published, dataset="mnist").published["tanh_sgd"].error_percent == 0.95
    assert study({"tanh_sgd": [1.0]}, published=published, dataset="fashion").published == {}


# The bundled digits


@pytest.fixture(scope="module")
def bundled():
    return datasets.bundled_digits()


@pytest.mark.parametrize(
    ("images", "labels", "count"),
    [
        (datasets.TRAIN_IMAGES, datasets.TRAIN_LABELS, 1438),
        (datasets.TEST_IMAGES, datasets.TEST_LABELS, 359),
    ],
)
def test_both_bundled_sets_have_mnists_form_and_show_every_digit_in_all_greys(bundled, images, labels, count):
    assert tuple(bundled) == datasets.RAW_FILES
    assert bundled[images].shape == (count, 28, 28)
    assert bundled[labels].shape == (count,)
    assert bundled[images].dtype == bundled[labels].dtype == np.uint8
    assert np.unique(bundled[labels]).tolist() == list(range(10))
    assert (bundled[images].min(), bundled[images].max()) == (0, 255)


def test_the_bundled_test_set_is_the_last_fifth_of_the_source(bundled):
    np.testing.assert_array_equal(bundled[datasets.TEST_LABELS], load_digits().target[-359:])


def test_each_bundled_pixel_becomes_a_block_of_three_by_three_within_an_empty_border_of_two(bundled):
    enlarged = np.floor(np.kron(load_digits().images[0], np.ones((3, 3))) * 255 / 16)
    np.testing.assert_array_equal(bundled[datasets.TRAIN_IMAGES][0], np.pad(enlarged, 2))
