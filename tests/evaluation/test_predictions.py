"""Predictions are the same after they are saved and loaded."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from support.builders import predictions

from lenet.errors import LabError
from lenet.evaluation.predictions import Predictions, load_predictions, save_predictions

ARRAYS = Path("predictions/tanh_sgd.npz")

pytestmark = pytest.mark.usefixtures("workspace")


def test_loaded_arrays_have_the_saved_values_and_types():
    saved = predictions(seeds=2, n=20)
    save_predictions("tanh_sgd", saved)
    loaded = load_predictions("tanh_sgd")
    for field in fields(Predictions):
        before, after = getattr(saved, field.name), getattr(loaded, field.name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


def test_equal_predictions_are_saved_as_equal_bytes():
    save_predictions("tanh_sgd", predictions(2, 20))
    first = ARRAYS.read_bytes()
    save_predictions("tanh_sgd", predictions(2, 20))
    assert ARRAYS.read_bytes() == first


def test_missing_predictions_raise_an_error_that_names_the_command_to_run():
    with pytest.raises(LabError, match=rf"^{ARRAYS} cannot be read .*run `dvc repro evaluate@tanh_sgd`$"):
        load_predictions("tanh_sgd")
