"""Fixtures for the tests of the report: an empty working folder, a small study and the committed study."""

import pytest
from support.builders import settings, study
from support.paths import ROOT

from lenet.evaluation.comparison import Estimate, factorial_pairs
from lenet.evaluation.study import load_study
from lenet.report.sweep_results import Effects, SweepResult
from lenet.settings import Variant, load_settings


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_study():
    """A study of two variants: tanh_sgd with errors of 1, 2 and 3 %, and relu_adam with one seed and an error of 0 %.

    The errors of tanh_sgd have the mean 2 and the standard deviation 1.
    """
    return study({"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}, published={"relu_adam": 0.8}, dataset="mnist")


@pytest.fixture
def clothes():
    """A sweep on Fashion-MNIST. Its recipes are those of the study `two_by_two`, and two with a falling rate.

    Each difference has another value: 0 to 4 in the first design, 10 to 14 in the second.
    """
    relu, adam, cosine = {"activation": "relu"}, {"optimizer": "adam"}, {"schedule": "cosine"}
    changes = {"none": {}, "relu": relu, "adam": adam, "both": relu | adam}
    changes |= {"tanh_falling": cosine, "falling": relu | adam | cosine}
    recipes = {f"has={name}": Variant.model_validate(settings(**changed)) for name, changed in changes.items()}
    none, relu_alone, adam_alone, both, tanh_falling, falling = recipes
    effects = []
    for start, four in ((0, (none, relu_alone, adam_alone, both)), (10, (none, both, tanh_falling, falling))):
        pairs = enumerate(factorial_pairs(*four), start)
        differences = {pair: Estimate(n, n - 0.5, n + 0.5) for n, pair in pairs}
        effects.append(Effects(four, differences, Estimate(0.0, -1.0, 1.0)))
    return SweepResult("clothes", "fashion_mnist", "?", recipes, b"", effects)


@pytest.fixture(scope="session")
def committed_study():
    """The study of the results that are committed in reports/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        committed = load_settings()
        return load_study(committed, list(committed.variants))
