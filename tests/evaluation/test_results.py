"""A variant's results survive their file."""

import json
from pathlib import Path

import pytest
from support.builders import identity, seed_result, variant_result, without_validation

from lenet.errors import LabError
from lenet.evaluation.results import load_result, save_result

DETAILS = Path("reports/details/tanh_sgd.json")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("errors", [[10.0, 12.0], [1 / 3]])
def test_a_result_comes_back_as_it_was_saved(errors):
    result = variant_result("tanh_sgd", errors=errors)
    save_result(result)
    assert load_result("tanh_sgd") == result


def test_a_result_without_validation_comes_back_as_it_was_saved():
    result = without_validation(variant_result("tanh_sgd"))
    save_result(result)
    assert load_result("tanh_sgd") == result


def test_identities_come_back_with_their_digests():
    save_result(variant_result("tanh_sgd", errors=[10.0, 12.0]))
    back = load_result("tanh_sgd")
    assert [seed.identity.digest for seed in back.seeds] == [identity(seed=0).digest, identity(seed=1).digest]


def test_equal_results_give_equal_bytes():
    save_result(variant_result())
    first = DETAILS.read_bytes()
    DETAILS.unlink()
    save_result(variant_result())
    assert DETAILS.read_bytes() == first


def test_epochs_are_counted_from_the_history():
    result = variant_result()
    assert result.epochs == len(seed_result().history["train/loss"]) == 2


def test_a_missing_result_is_refused_with_the_command_that_makes_it():
    with pytest.raises(LabError) as caught:
        load_result("tanh_sgd")
    message = str(caught.value)
    assert message.startswith(f"{DETAILS} cannot be read")
    assert message.endswith("run `dvc repro evaluate@tanh_sgd`")
    assert len(message.splitlines()) == 1


def without(*path):
    save_result(variant_result())
    raw = json.loads(DETAILS.read_text())
    part = raw
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return json.dumps(raw)


@pytest.mark.parametrize(
    "damage",
    [
        lambda: "",
        lambda: '{"variant": "tanh',
        lambda: "[]",
        pytest.param(lambda: "null"),
        lambda: without("seeds"),
        lambda: without("summary"),
        lambda: without("seeds", 0, "identity"),
        lambda: without("seeds", 0, "identity", "code"),
    ],
    ids=["empty", "torn", "list", "null", "no seeds", "no summary", "no identity", "no code"],
)
def test_a_damaged_result_is_refused_in_one_line(damage):
    text = damage()
    DETAILS.parent.mkdir(parents=True, exist_ok=True)
    DETAILS.write_text(text)
    with pytest.raises(LabError) as caught:
        load_result("tanh_sgd")
    assert str(caught.value).startswith(f"{DETAILS} cannot be read")
    assert len(str(caught.value).splitlines()) == 1
