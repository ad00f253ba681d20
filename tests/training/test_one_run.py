import pytest

from lenet.network import determinism

determinism.prepare()

from lenet.mnist.splits import Split
from lenet.training.one_run import train_run
from lenet.training.trained_run import EPOCH_METRICS, TRAIN_METRICS

pytestmark = pytest.mark.slow  # it trains


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
    columns = [{name: values[epoch] for name, values in trained.history.items()} for epoch in range(recipe.epochs)]
    assert emitted == list(enumerate(columns, start=1))
    assert tuple(trained.history) == EPOCH_METRICS


def test_the_last_validation_error_is_that_of_the_saved_weights(train, recipe, digits, tmp_path):
    from lenet.evaluation.metrics import error_percent
    from lenet.network.model import load_model, predict

    trained = train(recipe, 0, epochs=4)
    (tmp_path / "model.json").write_text(trained.architecture)
    (tmp_path / "model.weights.h5").write_bytes(trained.weights)
    model = load_model(tmp_path / "model.json", tmp_path / "model.weights.h5")
    measured = error_percent(predict(model, digits.images[100:]), digits.labels[100:])
    assert trained.history["validation/error_percent"][-1] == pytest.approx(measured, abs=1e-4)


def test_trained_on_both_splits_a_run_has_no_validation_metrics(train, recipe):
    trained = train(recipe, 0, train_on="train_and_validation")
    assert tuple(trained.history) == TRAIN_METRICS


def test_trained_on_both_splits_a_run_is_the_one_of_the_joined_digits(train, recipe, digits, statistics):
    both = train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    assert train(recipe, 0, train_on="train_and_validation").weights == both.weights


def test_distorted_digits_give_another_network(train, recipe, trained):
    distorted = train(recipe, 0, translation=2.0)
    assert distorted.weights != trained[0].weights
    assert distorted == train(recipe, 0, translation=2.0)


@pytest.mark.parametrize(("activation", "optimizer"), [("tanh", "sgd"), ("relu", "adam"), ("silu", "adam")])
def test_the_recipes_of_1998_and_of_today_learn_32_digits_by_heart(digits, statistics, recipe, activation, optimizer):
    few = Split(digits.images[:32], digits.labels[:32])
    rate = {"sgd": 0.1, "adam": 0.005}[optimizer]
    changes = {"activation": activation, "optimizer": optimizer, "learning_rate": rate, "epochs": 40, "batch_size": 8}
    trained = train_run(recipe.model_copy(update=changes), statistics, 0, few, few, lambda epoch, metrics: None)
    assert trained.history["validation/error_percent"][-1] == 0


def test_the_recipe_of_the_paper_learns_32_digits_by_heart(digits, statistics, published):
    few = Split(digits.images[:32], digits.labels[:32])
    # Ten passes over 60,000 digits are more steps than 40 over 32, so the rate stays high.
    changes = {"epochs": 40, "schedule": "constant", "train_on": "train"}
    settings = published.model_copy(update=changes)
    trained = train_run(settings, statistics, 0, few, few, lambda epoch, metrics: None)
    assert trained.history["validation/error_percent"][-1] == 0


def test_the_network_of_the_paper_learns_in_batches_too(digits, statistics, published):
    few = Split(digits.images[:32], digits.labels[:32])
    changes = {"optimizer": "sgd", "schedule": "cosine", "learning_rate": 0.01, "batch_size": 8, "epochs": 40}
    settings = published.model_copy(update=changes | {"train_on": "train"})
    trained = train_run(settings, statistics, 0, few, few, lambda epoch, metrics: None)
    assert trained.history["validation/error_percent"][-1] == 0


def test_the_paper_s_recipe_is_seeded_and_its_distortions_too(train, published):
    plain, again, distorted = train(published, 0), train(published, 0), train(published, 0, shear=0.2)
    assert plain == again
    assert distorted.weights != plain.weights
