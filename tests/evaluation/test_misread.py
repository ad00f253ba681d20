"""The table of misread images holds everything that the statistics need."""

import numpy as np
import pytest

from lenet.errors import LabError
from lenet.evaluation.misread import find_misread, load_misread, save_misread

LABELS = np.array([3, 1, 4, 1, 5], np.uint8)
ANSWERS = np.array([[3, 1, 9, 1, 5], [3, 7, 9, 1, 5]])

pytestmark = pytest.mark.usefixtures("workspace")


def test_the_table_has_a_row_per_image_that_a_seed_misreads_and_says_which_seeds_do(tmp_path):
    save_misread("tanh_sgd", find_misread(ANSWERS, LABELS), [0, 7])
    table = (tmp_path / "reports/misread/tanh_sgd.csv").read_text()
    assert table == "digit,label,seed 0,seed 7\n1,1,1,7\n2,4,9,9\n"
    np.testing.assert_array_equal(load_misread("tanh_sgd").wrong(5), ANSWERS != LABELS)


def test_a_table_without_rows_says_that_no_seed_misreads_any_image():
    save_misread("tanh_sgd", find_misread(np.stack([LABELS, LABELS]), LABELS), [0, 1])
    wrong = load_misread("tanh_sgd").wrong(5)
    assert wrong.shape == (2, 5)
    assert not wrong.any()


@pytest.mark.parametrize("content", [None, "", "digit,label,seed 0\n1,one,2\n", "digit,label,seed 0\n1,1\n"])
def test_a_missing_or_damaged_table_raises_an_error_that_names_the_command_to_run(tmp_path, content):
    if content is not None:
        (tmp_path / "reports/misread").mkdir(parents=True)
        (tmp_path / "reports/misread/tanh_sgd.csv").write_text(content)
    with pytest.raises(
        LabError,
        match=r"^reports/misread/tanh_sgd\.csv is (missing|damaged \(.*\)): " r'run `make repro VARIANTS="tanh_sgd"`$',
    ):
        load_misread("tanh_sgd")
