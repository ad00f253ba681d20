import pytest

from lenet.commands import demo
from lenet.errors import LabError
from lenet.settings import load_settings


def test_by_default_the_demo_has_the_variants_of_the_primary_comparison(workspace):
    settings = demo.demo_settings(load_settings(), [])
    assert list(settings.variants) == list(settings.about) == ["tanh_sgd", "relu_adam"]
    assert settings.comparison.primary == ("relu_adam", "tanh_sgd")
    assert settings.comparison.original is None
    assert settings.comparison.ladder == ("tanh_sgd", "relu_adam")


def test_the_papers_network_stays_the_original_if_it_is_requested(workspace):
    settings = demo.demo_settings(load_settings(), ["tanh_sgd", "lenet5_1998"])
    assert settings.comparison.original == "lenet5_1998"
    assert list(settings.comparison.published) == ["lenet5_1998"]


def test_other_variants_can_be_requested_and_comparisons_with_missing_variants_are_dropped(workspace):
    settings = demo.demo_settings(load_settings(), ["tanh_sgd", "modern"])
    assert list(settings.variants) == ["tanh_sgd", "modern"]
    assert settings.comparison.primary == ()
    assert settings.comparison.original is None
    assert settings.comparison.ladder == ("tanh_sgd", "modern")
    with pytest.raises(LabError, match=r"^params.yaml: unknown variant modren: did you mean modern\?$"):
        demo.demo_settings(load_settings(), ["modren"])
