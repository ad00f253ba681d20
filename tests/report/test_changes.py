import pytest
from support.paths import ROOT

from lenet.report.changes import describe, describe_beside, describe_briefly, describe_replaced
from lenet.settings import load_settings


@pytest.mark.parametrize(
    ("variant", "reference", "words", "replaced"),
    [
        ("relu_adam", "tanh_sgd", "ReLU and Adam", "tanh and SGD"),
        ("relu_adam_max_pool_cosine", "relu_adam_max_pool", "a falling learning rate", "schedule constant"),
        ("relu_adam_augmented", "relu_adam_max_pool_cosine", "distorted images", "undistorted images"),
    ],
)
def test_changes_are_described_in_words(variant, reference, words, replaced):
    variants = load_settings(ROOT / "params.yaml").variants
    changes = variants[variant].changes_since(variants[reference])
    assert (describe(changes), describe_replaced(changes)) == (words, replaced)


def test_several_changes_are_listed_and_unknown_settings_keep_their_names():
    optimizer = {"optimizer": ("sgd", "muon"), "learning_rate": (0.1, 0.2)}
    assert describe({"activation": ("tanh", "silu")} | optimizer | {"epochs": (1, 2)}) == "SiLU, Muon and epochs 2"
    assert describe({"learning_rate": (0.1, 0.2)}) == "learning_rate 0.2"


def test_a_brief_description_leaves_out_settings_without_a_word():
    changes = {"activation": ("tanh", "silu"), "epochs": (1, 2), "translation": (0.0, 2.0)}
    assert describe_briefly(changes) == "SiLU and distorted images"
    assert describe_briefly({"epochs": (1, 2)}) == "epochs 2"


def test_what_stays_is_named_beside_a_change():
    variants = load_settings(ROOT / "params.yaml").variants
    assert describe_beside({"optimizer": ("sgd", "adam")}, variants["relu_sgd"]) == "Adam with ReLU"
    assert describe_beside({"schedule": ("constant", "cosine")}, variants["relu_adam"]) == (
        "a falling learning rate with ReLU and Adam"
    )
