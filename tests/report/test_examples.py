import pytest
from support.builders import noise_test_split, outputs, study

from lenet.errors import LabError
from lenet.report import examples

ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


@pytest.fixture
def saved_study():
    """A study whose examples are saved in reports/examples.csv."""
    two_variants = study(ERRORS, published={"tanh_sgd": 0.95})
    examples.save_examples(two_variants, outputs(ERRORS), noise_test_split())
    return two_variants


def test_the_first_image_of_each_class_that_no_network_misreads_is_chosen():
    indices = examples.first_read_correctly(study(ERRORS), noise_test_split())
    # Images 0 to 11 are each misread by at least one network.
    assert indices == [20, 21, 12, 13, 14, 15, 16, 17, 18, 19]


def test_an_example_has_the_mean_probability_that_each_variant_gives_to_its_label(saved_study):
    correct, misread_by_index = examples.load_examples(saved_study)
    assert [(example.index, example.label) for example in correct[:3]] == [(20, 0), (21, 1), (12, 2)]
    assert correct[0].probabilities == {"tanh_sgd": 0.91, "relu_adam": 0.91}
    # Both networks of tanh_sgd misread image 3. One of the two networks of relu_adam reads it correctly.
    assert misread_by_index[3].probabilities == {"tanh_sgd": 0.01, "relu_adam": 0.46}


def test_the_error_for_a_missing_file_says_which_command_makes_it():
    with pytest.raises(LabError, match=r"^reports/examples\.csv cannot be read: run `make repro`$"):
        examples.load_examples(study(ERRORS))


@pytest.mark.parametrize("errors", [ERRORS | {"tanh_sgd": [30.0, 12.0]}, {"tanh_sgd": [10.0], "modern": [3.0]}])
def test_examples_of_other_results_are_refused(saved_study, errors):
    other_study = study(errors, published={"tanh_sgd": 0.95})
    with pytest.raises(LabError, match=r"^reports/examples\.csv belongs to other results: run `make repro`$"):
        examples.load_examples(other_study)
