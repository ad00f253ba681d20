"""The table of misread digits holds all that the statistics need."""

import numpy as np
import pytest

from lenet.errors import LabError
from lenet.evaluation.misread import find_misread, load_misread, save_misread

LABELS = np.array([3, 1, 4, 1, 5], np.uint8)
ANSWERS = np.array([[3, 1, 9, 1, 5], [3, 7, 9, 1, 5]])


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_table_has_a_row_per_digit_that_some_seed_misreads_and_tells_who_is_wrong(tmp_path):
    save_misread("tanh_sgd", find_misread(ANSWERS, LABELS), [0, 7])
    table = (tmp_path / "reports/misread/tanh_sgd.csv").read_text()
    assert table == "digit,label,seed 0,seed 7\n1,1,1,7\n2,4,9,9\n"
    np.testing.assert_array_equal(load_misread("tanh_sgd").wrong(5), ANSWERS != LABELS)


def test_where_nothing_is_misread_nobody_is_wrong():
    save_misread("tanh_sgd", find_misread(np.stack([LABELS, LABELS]), LABELS), [0, 1])
    wrong = load_misread("tanh_sgd").wrong(5)
    assert wrong.shape == (2, 5)
    assert not wrong.any()


@pytest.mark.parametrize("content", [None, "", "digit,label,seed 0\n1,one,2\n", "digit,label,seed 0\n1,1\n"])
def test_a_missing_or_damaged_table_is_refused_with_the_command_that_makes_it(tmp_path, content):
    if content is not None:
        (tmp_path / "reports/misread").mkdir(parents=True)
        (tmp_path / "reports/misread/tanh_sgd.csv").write_text(content)
    with pytest.raises(LabError, match=r"^reports/misread/tanh_sgd.csv cannot be read .*evaluate@tanh_sgd`$"):
        load_misread("tanh_sgd")
