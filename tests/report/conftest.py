"""What the tests of the report share: an empty folder to work in, a small study, and the committed one."""

import pytest
from support.builders import study
from support.paths import ROOT

from lenet.evaluation.study import load_study
from lenet.settings import load_settings


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small():
    """Three seeds of 1, 2 and 3 %: mean 2, standard deviation 1. One seed of 0 %: no standard deviation."""
    return study({"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}, published={"relu_adam": 0.8}, dataset="mnist")


@pytest.fixture(scope="session")
def committed():
    """The committed study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        settings = load_settings()
        return load_study(settings, list(settings.variants))
