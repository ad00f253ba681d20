import numpy as np
import pytest
from support.builders import digits_of_the_test, predictions, study

from lenet.errors import LabError
from lenet.report import examples

ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_first_digit_of_each_class_that_nobody_misreads_is_read_rightly():
    found = examples.read_rightly(study(ERRORS), digits_of_the_test())
    assert found == [20, 21, 12, 13, 14, 15, 16, 17, 18, 19]  # of 0 to 11 each is misread by some network


def test_an_example_has_the_mean_probability_of_its_class():
    seen = {name: predictions(2) for name in ERRORS}
    examples.save_examples(study(ERRORS), seen, digits_of_the_test())
    rightly, others = examples.load_examples()
    assert [(each.index, each.label) for each in rightly[:3]] == [(20, 0), (21, 1), (12, 2)]
    assert sorted(others)[:2] == [0, 1]
    given = seen["tanh_sgd"].probabilities[:, 12, 2].mean()
    assert rightly[2].probabilities["tanh_sgd"] == pytest.approx(given, abs=1e-4)
    assert others[0].probabilities["relu_adam"] == pytest.approx(
        np.mean(seen["relu_adam"].probabilities[:, 0, 0]), abs=1e-4
    )


def test_without_the_file_it_says_what_to_do():
    with pytest.raises(LabError, match=r"^reports/examples\.csv is missing: run `dvc repro --force plot`$"):
        examples.load_examples()
