"""The known data sets, and where their four files come from. To add a data set, add an entry to `DATASETS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lenet.errors import LabError, did_you_mean

# The files of every data set in data/raw/, under the names that MNIST gave them.
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
RAW_FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@dataclass(frozen=True)
class PublishedFile:
    """A file to download. `size` (in bytes) and `sha256` describe its uncompressed content."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """Grey images of 28 × 28 pixels in ten classes. They are either downloaded or made on this machine.

    A data set that is downloaded has `files` and `mirrors`. A data set that is made has `make`: this function returns
    the images and labels.
    """

    name: str  # the value of data.dataset in params.yaml
    title: str  # its name in tables, reports and messages
    description: str  # what follows "Trained on" in MLflow's pages
    model_name: str  # the name of its model in MLflow's registry
    classes: tuple[str, ...] = tuple(map(str, range(10)))  # the names of the labels 0 to 9
    noun: str = "digit"  # what one image shows
    files: tuple[PublishedFile, ...] = ()  # the four raw files
    mirrors: tuple[str, ...] = ()  # base URLs; each serves the four raw files as <name>.gz
    make: Callable[[], Mapping[str, np.ndarray]] | None = None  # returns uint8 arrays by the names of the raw files

    @property
    def class_list(self) -> str:
        """The labels and the names of their classes. Empty if the names are the labels themselves."""
        named = [f"{label} {name}" for label, name in enumerate(self.classes) if name != str(label)]
        return ", ".join(named)

    @property
    def mirror_variable(self) -> str:
        """The name of the environment variable that contains the user's own mirror, the first source to be tried."""
        return f"{self.name.upper()}_MIRROR"


def bundled_digits() -> Mapping[str, np.ndarray]:
    """Return scikit-learn's 1,797 handwritten digits as 28 × 28 images: name of the raw file → uint8 array.

    Each pixel of the 8 × 8 source images becomes a block of 3 × 3 pixels, and a border of 2 pixels is added. The grey
    levels 0–16 become 0–255. The test set is the last fifth of the source, so most test images were written by people
    who wrote none of the training images.
    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    from sklearn.datasets import load_digits  # slow to import, and only this data set needs it

    digits = load_digits()
    grey = (digits.images.astype(np.uint16) * 255 // 16).astype(np.uint8)
    images = np.pad(grey.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    labels = digits.target.astype(np.uint8)
    test_size = len(images) // 5
    return {
        TRAIN_IMAGES: images[:-test_size],
        TRAIN_LABELS: labels[:-test_size],
        TEST_IMAGES: images[-test_size:],
        TEST_LABELS: labels[-test_size:],
    }


_MNIST = Dataset(
    name="mnist",
    title="MNIST",
    description="MNIST",
    model_name="lenet5",
    files=(
        PublishedFile(TRAIN_IMAGES, 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        PublishedFile(TRAIN_LABELS, 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        PublishedFile(TEST_IMAGES, 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        PublishedFile(TEST_LABELS, 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
)

_FASHION_MNIST = Dataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    description="Fashion-MNIST (Xiao, Rasul and Vollgraf 2017)",
    model_name="lenet5-fashion",
    classes=(
        *("T-shirt or top", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    noun="piece of clothing",
    files=(
        PublishedFile(TRAIN_IMAGES, 47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        PublishedFile(TRAIN_LABELS, 60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        PublishedFile(TEST_IMAGES, 7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        PublishedFile(TEST_LABELS, 10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ),
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
)

_DIGITS = Dataset(
    name="digits",
    title="scikit-learn's bundled digits",
    description="the 1,797 digits bundled with scikit-learn",
    model_name="lenet5-digits",
    make=bundled_digits,
)

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in (_MNIST, _FASHION_MNIST, _DIGITS)}


def find(name: str) -> Dataset:
    """Return the data set with this name; if there is none, raise LabError with the nearest known name."""
    if name not in DATASETS:
        raise LabError(f"unknown data set {name}: {did_you_mean(name, DATASETS)}")
    return DATASETS[name]
