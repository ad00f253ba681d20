"""Runs are copied from models/ into the run store, but only if their weights are the weights that were evaluated."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import identity, variant_result
from support.runs import HISTORY, TRAINED

from lenet.commands import recover
from lenet.evaluation.results import save_result
from lenet.runs import run_store
from lenet.runs.files import folder_of, run_files, write_files

WEIGHTS = hashlib.sha256(TRAINED.weights).hexdigest()


@pytest.fixture(autouse=True)
def pulled_clone(workspace):
    """A clone after `dvc pull`: it has the results and models of two runs, but an empty run store."""
    result = variant_result("tanh_sgd", [1.0, 2.0])
    seeds = [replace(seed, weights=WEIGHTS, history=HISTORY) for seed in result.seeds]
    save_result(replace(result, seeds=seeds))
    for seed in (0, 1):
        write_files(folder_of("tanh_sgd", seed), run_files(identity(seed), TRAINED))
    return workspace


def recovered_seeds():
    recover.save_from_models(recover.missing_results())
    return [seed for seed in (0, 1) if run_store.has(identity(seed))]


def test_complete_runs_are_saved_unchanged_and_then_none_is_missing():
    assert recovered_seeds() == [0, 1]
    assert recover.missing_results() == {}
    run_store.copy(identity(0), Path("copy"))
    for path in Path("copy").iterdir():
        assert path.read_bytes() == (folder_of("tanh_sgd", 0) / path.name).read_bytes()


@pytest.mark.parametrize("file", ["model.weights.h5", "model.json"])
def test_a_run_with_a_damaged_or_missing_file_is_not_saved(file):
    path = folder_of("tanh_sgd", 0) / file
    path.write_bytes(path.read_bytes()[:-2])
    assert recovered_seeds() == [1]
    path.unlink()
    assert recovered_seeds() == [1]


def test_results_that_cannot_be_read_are_skipped(pulled_clone):
    (pulled_clone / "reports/details/other.json").write_text(json.dumps([]))
    assert recovered_seeds() == [0, 1]
