import numpy as np
import pytest

from lenet import determinism

determinism.prepare()

from lenet.data import Split
from lenet.runs import HISTORY_METRICS
from lenet.training import train_run, training_batches


@pytest.fixture(scope="module")
def train(digits, statistics):
    """Train on 100 digits, validate on the others; keyword arguments change the recipe."""
    halves = [Split(digits.images[part], digits.labels[part]) for part in (slice(0, 100), slice(100, 200))]

    def run(recipe, seed, emit=lambda epoch, metrics: None, **changes):
        return train_run(recipe.model_copy(update=changes), statistics, seed, *halves, emit)

    return run


@pytest.fixture(scope="module")
def trained(train, recipe):
    """Runs of the seeds 0 and 1, trained once for all tests that only look at them."""
    return {seed: train(recipe, seed) for seed in (0, 1)}


def test_equal_seeds_give_equal_bits_in_one_process(train, recipe, trained):
    assert train(recipe, 0) == trained[0]


def test_seed_0_is_a_seed_like_any_other(trained):
    assert trained[0].weights != trained[1].weights


def test_dropout_is_seeded_too(train, recipe, trained):
    first, again = (train(recipe, 0, dropout=0.5) for _ in range(2))
    assert first == again
    assert first.weights != trained[0].weights


def test_the_architecture_is_the_same_text_from_run_to_run(trained):
    assert trained[0].architecture == trained[1].architecture


def test_every_epoch_is_emitted_as_it_stands_in_the_history(train, recipe):
    emitted = []
    trained = train(recipe, 0, lambda epoch, metrics: emitted.append((epoch, metrics)))
    assert emitted == list(enumerate(trained.history, start=1))
    assert [tuple(row) for row in trained.history] == [HISTORY_METRICS] * recipe.epochs


def test_the_last_validation_error_is_that_of_the_saved_weights(train, recipe, digits, tmp_path):
    from lenet.metrics import error_percent
    from lenet.model import load_model
    from lenet.training import predict

    trained = train(recipe, 0, epochs=4)
    (tmp_path / "model.json").write_text(trained.architecture)
    (tmp_path / "model.weights.h5").write_bytes(trained.weights)
    model = load_model(tmp_path / "model.json", tmp_path / "model.weights.h5")
    measured = error_percent(predict(model, digits.images[100:]), digits.labels[100:])
    assert trained.history[-1]["validation/error_percent"] == pytest.approx(measured, abs=1e-4)


@pytest.mark.parametrize(("activation", "optimizer"), [("tanh", "sgd"), ("relu", "adam")])
def test_the_recipes_of_1998_and_of_today_learn_32_digits_by_heart(digits, statistics, recipe, activation, optimizer):
    few = Split(digits.images[:32], digits.labels[:32])
    rate = {"sgd": 0.1, "adam": 0.005}[optimizer]
    changes = {"activation": activation, "optimizer": optimizer, "learning_rate": rate, "epochs": 40, "batch_size": 8}
    trained = train_run(recipe.model_copy(update=changes), statistics, 0, few, few, lambda epoch, metrics: None)
    assert trained.history[-1]["validation/error_percent"] == 0


def batches_of(split, batch_size, epochs, seed):
    return [labels.numpy() for _, labels in training_batches(split, batch_size, epochs, seed)]


@pytest.fixture
def numbered():
    """Ten blank images whose labels are their numbers."""
    return Split(np.zeros((10, 28, 28), np.uint8), np.arange(10, dtype=np.uint8))


@pytest.mark.parametrize(("batch_size", "sizes"), [(9, [9, 1]), (10, [10]), (11, [10]), (4, [4, 4, 2])])
def test_an_epoch_shows_every_digit_once_however_the_batches_divide_it(numbered, batch_size, sizes):
    batches = batches_of(numbered, batch_size, 1, seed=0)
    assert [len(batch) for batch in batches] == sizes
    assert sorted(np.concatenate(batches)) == list(range(10))


def test_epochs_and_seeds_have_orders_of_their_own(numbered):
    one, two = (np.concatenate(batches_of(numbered, 10, 2, seed)).reshape(2, 10) for seed in (0, 1))
    orders = {tuple(order) for order in (*one, *two)}
    assert len(orders) == 4


def test_images_and_labels_stay_together(digits):
    pairs = {(image.tobytes(), label) for image, label in zip(digits.images, digits.labels, strict=True)}
    for images, labels in training_batches(digits, 64, 1, seed=5):
        assert {(image.tobytes(), label) for image, label in zip(images.numpy(), labels.numpy(), strict=True)} <= pairs
