import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from support.builders import study
from support.mirrors import fill, folder, known_files, tiny, use_dataset  # noqa: F401

from lenet import download, preprocess
from lenet.errors import LabError
from lenet.mnist import datasets, splits
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


# A new data set


@pytest.fixture
def fashion(tiny, folder, monkeypatch):
    """A data set that is one entry in the table, and chosen by its name in params.yaml."""
    entry = Dataset(
        name="fashion",
        title="Fashion-MNIST",
        description="Fashion-MNIST, which shows ten kinds of clothes",
        model_name="lenet5-fashion",
        files=known_files(tiny),
    )
    monkeypatch.setitem(DATASETS, "fashion", entry)
    use_dataset("fashion")


def test_a_new_data_set_is_read_from_the_folder_that_its_own_variable_names_and_split(
    fashion, folder, tiny, monkeypatch
):
    fill(folder / "clothes", tiny)
    monkeypatch.setenv("FASHION_MIRROR", "clothes")
    download.main()
    preprocess.main()
    assert splits.load_statistics().dataset == "fashion"
    sizes = {name: len(splits.load_split(name)) for name in ("train", "validation", "test")}
    assert sizes == {"train": 180, "validation": 20, "test": 30}


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


def test_the_bundled_digits_have_mnists_form_and_their_test_set_is_the_last_fifth_of_the_source():
    source, bundled = load_digits(), datasets.bundled_digits()
    assert {name: array.shape for name, array in bundled.items()} == {
        datasets.TRAIN_IMAGES: (1438, 28, 28),
        datasets.TRAIN_LABELS: (1438,),
        datasets.TEST_IMAGES: (359, 28, 28),
        datasets.TEST_LABELS: (359,),
    }
    assert {array.dtype for array in bundled.values()} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(bundled[datasets.TEST_LABELS], source.target[-359:])
    # Each pixel becomes a block of 3 × 3, within an empty border of 2, and 0 to 16 become 0 to 255.
    for name, place in ((datasets.TRAIN_IMAGES, 0), (datasets.TEST_IMAGES, -1)):
        enlarged = np.floor(np.kron(source.images[place], np.ones((3, 3))) * 255 / 16)
        np.testing.assert_array_equal(bundled[name][place], np.pad(enlarged, 2))
