"""Compare the table of writers with the published labels from which the table is derived."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

from lenet.evaluation.writers import load_writers, unknown_writers

LABELS = os.environ.get("QMNIST_LABELS")


def test_48_of_297_writers_wrote_half_of_mnists_test_images_and_employees_wrote_half():
    writers = load_writers("mnist", 10_000)
    sizes = np.sort(np.bincount(writers.writer_of_image))[::-1]
    assert len(writers.groups) == len(sizes) == 297
    assert sizes[:48].sum() == pytest.approx(5_000, abs=100)
    assert writers.are_known
    assert np.bincount(writers.groups[writers.writer_of_image]).tolist() == [4_999, 5_001]
    assert list(writers.titles) == ["employees", "students"]


@pytest.mark.parametrize(("dataset", "test_size"), [("digits", 360), ("mnist", 100)])
def test_each_image_has_its_own_writer_if_the_writers_are_not_known(dataset, test_size):
    writers = load_writers(dataset, test_size)
    assert (
        writers.writer_of_image.tolist()
        == unknown_writers(test_size).writer_of_image.tolist()
        == list(range(test_size))
    )
    assert not writers.are_known


@pytest.mark.slow
@pytest.mark.skipif(
    LABELS is None and "CI" not in os.environ, reason="needs QMNIST_LABELS, the path of QMNIST's file of test labels"
)
def test_the_table_equals_the_published_labels():
    content = gzip.decompress((ROOT / Path(LABELS)).read_bytes())
    rows = np.frombuffer(content, ">i4")[3:].reshape(-1, 8)[:10_000]
    table = (ROOT / "src/lenet/evaluation/mnist_test_writers.csv").read_text().splitlines()
    assert table == [
        "label,series,writer",
        *(f"{label},{series},{writer}" for label, series, writer, *_ in rows.tolist()),
    ]
