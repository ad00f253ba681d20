import numpy as np
import pytest

from lenet.network import determinism
from lenet.settings import ENGINES


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [name for name in ENGINES if ENGINES[name] == "batches"])
def test_each_step_shrinks_weights_by_rate_times_weight_decay(prepared, digits, statistics, recipe, optimizer):
    from lenet.network.model import build_model
    from lenet.training.batches.gradient_descent import make_train_epochs

    settings = recipe.model_copy(update={"optimizer": optimizer, "batch_size": len(digits), "epochs": 1})
    trained = {}
    for decay in (0.0, 0.5):
        determinism.reset_and_seed(0)
        model = build_model(settings, statistics)
        initial_weights = model.get_weights()
        list(make_train_epochs(model, settings.model_copy(update={"weight_decay": decay}), len(digits))(digits, 0))
        trained[decay] = model.get_weights()
    for initial, without_decay, with_decay in zip(initial_weights, trained[0.0], trained[0.5], strict=True):
        np.testing.assert_allclose(
            without_decay - with_decay, 0.5 * settings.learning_rate * initial, rtol=1e-2, atol=1e-6
        )
