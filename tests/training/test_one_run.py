import pytest

from lenet.mnist.splits import Split
from lenet.training.trained_run import TRAIN_METRICS

pytestmark = pytest.mark.slow  # it trains


@pytest.fixture(scope="module")
def train_run(prepared):
    """The function that trains a run. To import it is to import TensorFlow."""
    from lenet.training.one_run import train_run

    return train_run


@pytest.fixture(scope="module")
def recipe(recipe):
    """The fixture `recipe` of all tests, with four epochs."""
    return recipe.model_copy(update={"epochs": 4})


@pytest.fixture(scope="module")
def train(train_run, digits, statistics):
    """Return a function that trains on 100 images and validates on 100 others. Keyword arguments change the recipe."""
    halves = [Split(digits.images[part], digits.labels[part]) for part in (slice(0, 100), slice(100, 200))]

    def train_recipe(recipe, seed, **changes):
        settings = recipe.model_copy(update=changes)
        return train_run(settings, statistics, seed, *halves, lambda epoch, metrics: None)

    return train_recipe


@pytest.fixture(scope="module")
def trained(train, recipe):
    """Return two runs: the first from seed 0, the second from seed 1."""
    return [train(recipe, seed) for seed in (0, 1)]


def test_equal_seeds_give_equal_runs_and_another_seed_gives_other_weights(train, recipe, trained):
    first, other = trained
    assert train(recipe, 0) == first
    assert first.weights != other.weights
    assert first.architecture == other.architecture


@pytest.mark.parametrize(
    ("base", "change"),
    [("recipe", {"dropout": 0.5}), ("recipe", {"translation": 2.0}), ("published", {"shear": 0.2})],
)
def test_dropout_and_distortions_change_the_weights_and_follow_the_seed(train, trained, request, base, change):
    settings = request.getfixturevalue(base)
    unchanged = trained[0] if base == "recipe" else train(settings, 0)
    first, again = (train(settings, 0, **change) for _ in range(2))
    assert first == again
    assert first.weights != unchanged.weights


def test_the_last_validation_error_is_that_of_the_saved_weights(trained, digits, tmp_path):
    from lenet.evaluation.metrics import error_percent
    from lenet.network.model import load_model, make_predictor

    run = trained[0]
    (tmp_path / "model.json").write_text(run.architecture)
    (tmp_path / "model.weights.h5").write_bytes(run.weights)
    model = load_model(tmp_path / "model.json", tmp_path / "model.weights.h5")
    measured = error_percent(make_predictor(model)(digits.images[100:]), digits.labels[100:])
    assert run.history["validation/error_percent"][-1] == pytest.approx(measured, abs=1e-4)


def test_a_run_trained_on_both_splits_equals_one_on_all_images_but_has_no_validation(
    train, train_run, recipe, digits, statistics
):
    joined = train(recipe, 0, train_on="train_and_validation")
    assert tuple(joined.history) == TRAIN_METRICS
    whole = train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    assert joined.weights == whole.weights


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("recipe", {"activation": "tanh", "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 8}),
        ("recipe", {"activation": "silu", "optimizer": "adam", "learning_rate": 0.005, "batch_size": 8}),
        # 40 passes over 32 images are only 1,280 steps: falling rates or shorter steps would be too small.
        ("published", {"schedule": "constant", "learning_rate": 0.0005, "damping": 0.02}),
        ("published", {"optimizer": "sgd", "schedule": "cosine", "learning_rate": 0.01, "batch_size": 8}),
    ],
    ids=["tanh and SGD", "SiLU and Adam", "the paper's", "the paper's network in batches"],
)
def test_recipes_of_1998_and_of_today_can_learn_32_images_without_error(
    train_run, digits, statistics, request, base, changes
):
    split = Split(digits.images[:32], digits.labels[:32])
    settings = request.getfixturevalue(base).model_copy(update=changes | {"epochs": 40, "train_on": "train"})
    trained = train_run(settings, statistics, 0, split, split, lambda epoch, metrics: None)
    assert trained.history["validation/error_percent"][-1] == 0
