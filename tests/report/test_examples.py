import pytest
from support.builders import digits_of_the_test, predictions, study

from lenet.errors import LabError
from lenet.report import examples

ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}
WRONG = {name: [round(error) for error in errors] for name, errors in ERRORS.items()}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made():
    return study(ERRORS, published={"tanh_sgd": 0.95})


@pytest.fixture
def seen():
    return {name: predictions(2, wrong=errors) for name, errors in WRONG.items()}


def test_the_first_digit_of_each_class_that_nobody_misreads_is_read_rightly(made):
    found = examples.read_rightly(made, digits_of_the_test())
    assert found == [20, 21, 12, 13, 14, 15, 16, 17, 18, 19]  # of 0 to 11 each is misread by some network


def test_an_example_has_the_mean_probability_of_its_class_by_each_variant(made, seen):
    examples.save_examples(made, seen, digits_of_the_test())
    rightly, others = examples.load_examples(made)
    assert [(each.index, each.label) for each in rightly[:3]] == [(20, 0), (21, 1), (12, 2)]
    assert rightly[0].probabilities == {"tanh_sgd": 0.91, "relu_adam": 0.91}
    assert others[3].probabilities == {"tanh_sgd": 0.01, "relu_adam": 0.46}  # one of two networks is sure of it


def test_without_the_file_it_says_what_to_do(made):
    with pytest.raises(LabError, match=r"^reports/examples\.csv cannot be read: run `dvc repro --force plot`$"):
        examples.load_examples(made)


def test_examples_of_other_results_are_refused(made, seen):
    examples.save_examples(made, seen, digits_of_the_test())
    others = study({"tanh_sgd": [30.0, 12.0], "relu_adam": [3.0, 4.0]}, published={"tanh_sgd": 0.95})
    for other in (others, study({"tanh_sgd": [10.0, 12.0], "modern": [3.0, 4.0]}, published={"tanh_sgd": 0.95})):
        with pytest.raises(
            LabError, match=r"^reports/examples\.csv is of other results: run `dvc repro --force plot`$"
        ):
            examples.load_examples(other)
