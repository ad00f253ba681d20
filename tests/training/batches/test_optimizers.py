import numpy as np
import pytest

from lenet.network import determinism
from lenet.settings import ENGINES

determinism.prepare()

from lenet.network.model import build_model
from lenet.training.batches.gradient_descent import epochs_of


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [name for name in ENGINES if ENGINES[name] == "batches"])
def test_weights_decay_by_their_share_of_the_rate_per_step(digits, statistics, recipe, optimizer):
    settings = recipe.model_copy(update={"optimizer": optimizer, "batch_size": len(digits), "epochs": 1})
    after = {}
    for decay in (0.0, 0.5):
        determinism.start_run(0)
        model = build_model(settings, statistics)
        before = model.get_weights()
        list(epochs_of(model, settings.model_copy(update={"weight_decay": decay}), len(digits))(digits, 0))
        after[decay] = model.get_weights()
    for start, free, decayed in zip(before, after[0.0], after[0.5], strict=True):
        np.testing.assert_allclose(free - decayed, 0.5 * settings.learning_rate * start, rtol=1e-2, atol=1e-6)
