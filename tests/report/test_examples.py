import pytest
from support.builders import digits_of_the_test, outputs, study

from lenet.errors import LabError
from lenet.report import examples

ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


@pytest.fixture
def saved():
    """The study whose examples are in the file."""
    made = study(ERRORS, published={"tanh_sgd": 0.95})
    examples.save_examples(made, outputs(ERRORS), digits_of_the_test())
    return made


def test_the_first_digit_of_each_class_that_nobody_misreads_is_read_rightly():
    found = examples.read_rightly(study(ERRORS), digits_of_the_test())
    assert found == [20, 21, 12, 13, 14, 15, 16, 17, 18, 19]  # of 0 to 11 each is misread by some network


def test_an_example_has_the_mean_probability_of_its_class_by_each_variant(saved):
    rightly, others = examples.load_examples(saved)
    assert [(example.index, example.label) for example in rightly[:3]] == [(20, 0), (21, 1), (12, 2)]
    assert rightly[0].probabilities == {"tanh_sgd": 0.91, "relu_adam": 0.91}
    assert others[3].probabilities == {"tanh_sgd": 0.01, "relu_adam": 0.46}  # one of two networks is sure of it


def test_without_the_file_it_says_what_to_do():
    with pytest.raises(LabError, match=r"^reports/examples\.csv cannot be read: run `dvc repro --force plot`$"):
        examples.load_examples(study(ERRORS))


@pytest.mark.parametrize("errors", [ERRORS | {"tanh_sgd": [30.0, 12.0]}, {"tanh_sgd": [10.0], "modern": [3.0]}])
def test_examples_of_other_results_are_refused(saved, errors):
    other = study(errors, published={"tanh_sgd": 0.95})
    with pytest.raises(LabError, match=r"^reports/examples\.csv is of other results: run `dvc repro --force plot`$"):
        examples.load_examples(other)
