"""A variant's results survive their file."""

from pathlib import Path

import pytest
from support.builders import seed_result, variant_result, without_validation

from lenet.errors import LabError
from lenet.evaluation.results import load_result, save_result

DETAILS = Path("reports/details/tanh_sgd.json")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "result", [variant_result("tanh_sgd", errors=[1 / 3, 12.0]), without_validation(variant_result("tanh_sgd"))]
)
def test_a_result_comes_back_as_it_was_saved_and_equal_results_give_equal_bytes(result):
    save_result(result)
    saved = DETAILS.read_bytes()
    assert load_result("tanh_sgd") == result
    save_result(load_result("tanh_sgd"))
    assert DETAILS.read_bytes() == saved


def test_epochs_are_counted_from_the_history():
    assert variant_result().epochs == len(seed_result().history["train/loss"]) == 2


@pytest.mark.parametrize("content", [None, "", '{"variant": "tanh', "{}"])
def test_a_missing_or_damaged_result_is_refused_in_one_line_with_the_command_that_makes_it(content):
    if content is not None:
        DETAILS.parent.mkdir(parents=True)
        DETAILS.write_text(content)
    with pytest.raises(LabError, match=rf"^{DETAILS} cannot be read .*: run `dvc repro evaluate@tanh_sgd`$") as raised:
        load_result("tanh_sgd")
    assert len(str(raised.value).splitlines()) == 1
