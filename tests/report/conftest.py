"""Fixtures for the tests of the report: an empty working folder, a small study and the committed study."""

import pytest
from support.builders import study
from support.paths import ROOT

from lenet.evaluation.study import load_study
from lenet.settings import load_settings


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_study():
    """A study of two variants: tanh_sgd with errors of 1, 2 and 3 %, and relu_adam with one seed and an error of 0 %.

    The errors of tanh_sgd have the mean 2 and the standard deviation 1.
    """
    return study({"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}, published={"relu_adam": 0.8}, dataset="mnist")


@pytest.fixture(scope="session")
def committed_study():
    """The study of the results that are committed in reports/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        settings = load_settings()
        return load_study(settings, list(settings.variants))
