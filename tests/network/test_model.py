from pathlib import Path

import numpy as np
import pytest

from lenet.network import determinism

determinism.prepare()

from lenet.errors import LabError
from lenet.network.model import build_model, load_model, load_weights, make_predictor, multiply_accumulates


@pytest.fixture(scope="module")
def model(recipe, statistics):
    return build_model(recipe, statistics)


def test_multiply_accumulates_match_a_count_by_hand_of_existing_connections(model, published, statistics):
    c1, full = 28 * 28 * 6 * 25, 400 * 120 + 120 * 84 + 84 * 10
    assert multiply_accumulates(model) == c1 + 10 * 10 * 16 * 150 + full
    pooled = 14 * 14 * 6 + 5 * 5 * 16
    assert multiply_accumulates(build_model(published, statistics)) == c1 + 10 * 10 * 60 * 25 + pooled + full


def test_blurred_pooling_weights_nine_inputs_by_the_binomial_filter(recipe, statistics, digits):
    import keras

    model = build_model(recipe.model_copy(update={"pooling": "blur"}), statistics)
    c1, s2 = (model.get_layer(name).output for name in ("c1", "s2"))
    maps, pooled = keras.Model(model.inputs, [c1, s2]).predict(digits.images[:3], verbose=0)
    maps = np.pad(maps, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    nine = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(1, 2))[:, ::2, ::2]
    expected = (nine * (np.outer([1, 2, 1], [1, 2, 1]) / 16)).sum(axis=(-2, -1))
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-6)


PARTS_OF_1998 = ({"pooling": "max"}, {"pooling": "trainable"}, {"c3": "table_1"}, {"output": "rbf"})


@pytest.mark.parametrize("changes", [*PARTS_OF_1998, PARTS_OF_1998[1] | PARTS_OF_1998[2] | PARTS_OF_1998[3]])
def test_a_network_can_have_each_part_of_the_paper_alone_or_several_together(recipe, statistics, digits, changes):
    probabilities = make_predictor(build_model(recipe.model_copy(update=changes), statistics))(digits.images[:5])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_the_network_turns_raw_pixels_into_probabilities(model, digits):
    probabilities = make_predictor(model)(digits.images[:7])
    assert probabilities.shape == (7, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ("standardised", lambda pixels, statistics: (pixels - statistics.pixel_mean) / statistics.pixel_sd),
        ("unit", lambda pixels, statistics: pixels / 255),
        ("centred", lambda pixels, statistics: (pixels - statistics.pixel_mean) / 255),
        ("published", lambda pixels, statistics: -0.1 + 1.275 * pixels / 255),
    ],
)
def test_the_first_layers_pad_images_with_background_and_scale_pixels(recipe, digits, statistics, pixels, expected):
    import keras

    model = build_model(recipe.model_copy(update={"pixels": pixels}), statistics)
    scaled = keras.Model(model.inputs, model.get_layer("scale").output).predict(digits.images[:3], verbose=0)
    padded = np.pad(digits.images[:3].astype(np.float64), ((0, 0), (2, 2), (2, 2)))
    np.testing.assert_allclose(scaled[..., 0], expected(padded, statistics), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
def test_hidden_layers_have_the_activation_in_the_settings(recipe, statistics, activation):
    model = build_model(recipe.model_copy(update={"activation": activation}), statistics)
    assert [model.get_layer(name).activation.__name__ for name in ("c1", "c3", "c5", "f6")] == [activation] * 4


def test_dropout_follows_f6_only_if_the_settings_ask_for_it(recipe, statistics, model):
    with_dropout = build_model(recipe.model_copy(update={"dropout": 0.5}), statistics)
    assert [layer.name for layer in with_dropout.layers][-4:] == ["f6", "dropout", "output", "probabilities"]
    assert "dropout" not in [layer.name for layer in model.layers]


def save(model, folder):
    (folder / "model.json").write_text(model.to_json())
    model.save_weights(folder / "model.weights.h5")
    return folder / "model.json", folder / "model.weights.h5"


def test_a_loaded_network_predicts_the_same_as_the_saved_one(model, digits, tmp_path):
    loaded = load_model(*save(model, tmp_path))
    np.testing.assert_array_equal(make_predictor(loaded)(digits.images), make_predictor(model)(digits.images))


@pytest.mark.parametrize(
    ("load", "folder", "hint"),
    [
        (load_weights, "models/tanh_sgd/seed-0", "run `dvc repro train@tanh_sgd`"),
        (lambda _, *files: load_model(*files), ".runs/0123", "remove this folder, then run the same command again"),
    ],
)
def test_weights_of_another_network_are_refused_with_a_hint(model, tmp_path, monkeypatch, load, folder, hint):
    import keras

    monkeypatch.chdir(tmp_path)
    other = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    Path(folder).mkdir(parents=True)
    architecture, weights = save(model, Path(folder))
    other.save_weights(weights)
    with pytest.raises(LabError, match=rf"^{folder} holds no network that can be used here \(.*\): {hint}$"):
        load(model, architecture, weights)


def test_load_weights_accepts_only_weights_of_the_same_architecture(model, recipe, statistics, digits, tmp_path):
    folder = tmp_path / "tanh_sgd" / "seed-0"
    folder.mkdir(parents=True)
    files = save(model, folder)
    receiver = build_model(recipe, statistics)
    load_weights(receiver, *files)
    np.testing.assert_array_equal(make_predictor(receiver)(digits.images), make_predictor(model)(digits.images))
    with pytest.raises(LabError, match=r"\(its model\.json is not the network that params\.yaml describes\): "):
        load_weights(build_model(recipe.model_copy(update={"activation": "relu"}), statistics), *files)


def test_an_architecture_file_that_contains_code_is_refused_and_the_code_does_not_run(tmp_path):
    import keras

    folder = tmp_path / "tanh_sgd" / "seed-0"
    folder.mkdir(parents=True)
    trace = folder / "ran"
    layer_with_code = keras.layers.Lambda(eval(f"lambda x, path={str(trace)!r}: (open(path, 'w').close(), x)[1]"))
    (folder / "model.json").write_text(keras.Sequential([keras.Input((28, 28)), layer_with_code]).to_json())
    trace.unlink(missing_ok=True)
    with pytest.raises(LabError, match=r"holds no network that can be used here \("):
        load_model(folder / "model.json", folder / "model.weights.h5")
    assert not trace.exists()
