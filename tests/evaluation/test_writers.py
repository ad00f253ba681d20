"""Who wrote the test digits, against the published labels that the table is derived from."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

from lenet.evaluation.writers import load_writers, unknown_writers

LABELS = os.environ.get("QMNIST_LABELS")


def test_half_of_mnist_s_test_digits_come_from_48_of_297_writers_and_half_are_of_employees():
    writers = load_writers("mnist", 10_000)
    sizes = np.sort(np.bincount(writers.writer_of_image))[::-1]
    assert len(writers.groups) == len(sizes) == 297
    assert sizes[:48].sum() == pytest.approx(5_000, abs=100)
    assert writers.are_known
    assert np.bincount(writers.groups[writers.writer_of_image]).tolist() == [4_999, 5_001]
    assert list(writers.titles) == ["employees", "students"]


@pytest.mark.parametrize(("dataset", "digits"), [("digits", 360), ("mnist", 100)])
def test_of_other_digits_each_has_a_writer_of_its_own(dataset, digits):
    writers = load_writers(dataset, digits)
    assert writers.writer_of_image.tolist() == unknown_writers(digits).writer_of_image.tolist() == list(range(digits))
    assert not writers.are_known


@pytest.mark.slow
@pytest.mark.skipif(
    LABELS is None and "CI" not in os.environ, reason="needs QMNIST_LABELS, the file of its test labels"
)
def test_the_table_is_that_of_the_published_labels():
    content = gzip.decompress((ROOT / Path(LABELS)).read_bytes())
    rows = np.frombuffer(content, ">i4")[3:].reshape(-1, 8)[:10_000]
    table = (ROOT / "src/lenet/evaluation/mnist_test_writers.csv").read_text().splitlines()
    assert table == [
        "label,series,writer",
        *(f"{label},{series},{writer}" for label, series, writer, *_ in rows.tolist()),
    ]
