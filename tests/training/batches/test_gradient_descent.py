import numpy as np
import pytest
from support.networks import compute_logits

from lenet.network import determinism

determinism.prepare()

from lenet.mnist.splits import Split
from lenet.network.model import build_model, make_predictor
from lenet.training.batches.gradient_descent import (
    _optimizer,
    _squared_distance,
    make_augmenter,
    make_train_epochs,
    make_training_network,
)
from lenet.training.distortion import distort


@pytest.mark.parametrize("batch_size", [4, 10, 11])
def test_an_epoch_uses_every_example_once_for_any_batch_size(digits, statistics, recipe, batch_size):
    split = Split(digits.images[:10], digits.labels[:10])
    model = build_model(recipe, statistics)
    probabilities = make_predictor(model)(split.images)
    frozen = recipe.model_copy(update={"learning_rate": 1e-30, "batch_size": batch_size, "epochs": 1})
    ((loss, error),) = make_train_epochs(model, frozen, 10)(split, 0)
    assert loss == pytest.approx(-np.log(probabilities[range(10), split.labels]).mean(), rel=1e-5)
    assert error == (probabilities.argmax(axis=1) != split.labels).mean()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activation": "relu", "pooling": "max"},
        {"activation": "silu", "pooling": "blur"},
        {"c3": "table_1", "pooling": "trainable", "activation": "scaled_tanh", "output": "rbf"},
    ],
)
def test_the_training_network_computes_the_same_as_the_model(digits, statistics, recipe, changes):
    model = build_model(recipe.model_copy(update=changes), statistics)
    logits, probabilities = make_training_network(model)(digits.images)
    np.testing.assert_allclose(logits, compute_logits(model, digits.images), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(probabilities, make_predictor(model)(digits.images), rtol=1e-4, atol=1e-6)


def test_training_images_are_distorted_for_their_seed_epoch_and_example(digits, recipe):
    settings = recipe.model_copy(update={"translation": 2.0, "elastic": 3.0})
    examples = np.array([7, 0, 199])
    images = make_augmenter(settings)(digits.images[examples], 3, 5, examples)
    np.testing.assert_array_equal(images, distort(digits.images[examples], settings, 3, 5, examples))


def test_the_cosine_schedule_lowers_the_rate_to_0_at_the_end(recipe, statistics):
    cosine = recipe.model_copy(update={"schedule": "cosine", "learning_rate": 0.2, "epochs": 4})
    rate = _optimizer(cosine, 10, build_model(recipe, statistics))._learning_rate
    assert [float(rate(step)) for step in (0, 20, 40)] == pytest.approx([0.2, 0.1, 0.0])


def test_the_squared_distance_loss_is_minus_the_logit_of_the_label(digits, statistics, published):
    logits = compute_logits(build_model(published, statistics), digits.images)
    losses = _squared_distance(digits.labels.astype(np.int64), logits)
    np.testing.assert_allclose(losses, -logits[range(len(digits)), digits.labels])
