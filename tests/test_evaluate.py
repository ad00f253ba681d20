import hashlib

import numpy as np
import pytest
from support.builders import identity, labels, predictions
from support.paths import ROOT

from lenet.evaluate import filters_and_feature_maps, score
from lenet.mnist.splits import Split
from lenet.network import determinism
from lenet.runs.files import SavedRun
from lenet.settings import load_settings
from lenet.training.trained_run import EPOCH_METRICS


def test_a_run_is_scored_by_its_predictions():
    run = SavedRun(None, identity(), {name: [2.0, 1.0] for name in EPOCH_METRICS})
    test_split = Split(np.zeros((100, 28, 28), np.uint8), labels(100))
    result = score(run, b"weights", predictions(1, 100, wrong=7).probabilities[0], test_split)
    assert result.metrics["test/error_percent"] == 7.0
    assert result.metrics["test/recall_percent/0"] == 90.0
    assert np.sum(result.confusion) == 100
    assert result.weights == hashlib.sha256(b"weights").hexdigest()
    assert list(result.history.items()) == [(name, [2.0, 1.0]) for name in EPOCH_METRICS]


@pytest.mark.parametrize(
    ("variant", "c1", "s2", "c3"),
    [("tanh_sgd", 28, 14, 10), ("tanh_sgd_28", 24, 12, 8), ("lenet5_1998", 28, 14, 10)],
)
def test_look_inside_returns_the_filters_and_the_feature_maps_of_one_image(variant, c1, s2, c3, statistics, digits):
    determinism.prepare()
    from lenet.network.model import build_model

    recipe = load_settings(ROOT / "params.yaml").variant(variant)
    arrays = filters_and_feature_maps(build_model(recipe, statistics), digits.images[0])
    assert {name: array.shape for name, array in arrays.items()} == {
        "filters": (5, 5, 6),
        "digit": (28, 28),
        "c1": (c1, c1, 6),
        "s2": (s2, s2, 6),
        "c3": (c3, c3, 16),
    }
