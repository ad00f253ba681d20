"""What the tests of the report share: the rows of a small comparison, and the committed study."""

import pytest
from support.builders import study
from support.paths import ROOT

from lenet.evaluation.study import load_study
from lenet.report.tables import comparison_rows
from lenet.settings import load_settings

ERRORS = {"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}


@pytest.fixture
def rows():
    """Three seeds of 1, 2 and 3 %: mean 2, standard deviation 1. One seed of 0 %: no standard deviation."""
    return comparison_rows(study(ERRORS, published={"relu_adam": 0.8}, dataset="mnist"))


@pytest.fixture(scope="session")
def committed():
    """The committed study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        settings = load_settings()
        return load_study(settings, list(settings.variants))
