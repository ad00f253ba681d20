"""What the tests of the report share: the rows of a small comparison."""

import pytest
from support.builders import study

from lenet.report.tables import comparison_rows

ERRORS = {"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}


@pytest.fixture
def rows():
    """Three seeds of 1, 2 and 3 %: mean 2, standard deviation 1. One seed of 0 %: no standard deviation."""
    return comparison_rows(study(ERRORS, published={"relu_adam": 0.8}, dataset="mnist"))
