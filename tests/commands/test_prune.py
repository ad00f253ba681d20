"""`make prune` keeps what the workspace names, and says how much there was."""

from dataclasses import replace

import pytest
from support.builders import identity, save_evaluated
from support.params import edit_params
from support.runs import PROVENANCE, TRAINED

from lenet.commands import prune
from lenet.execution import training
from lenet.runs import store
from lenet.settings import load_settings


@pytest.fixture
def wanted(processed):
    """The runs that params.yaml asks for."""
    with edit_params() as params:
        params["seeds"] = [0]
    return training.wanted_runs(load_settings(), ["tanh_sgd", "relu_adam"])


def test_runs_that_are_asked_for_or_reported_stay_and_others_go(wanted, capsys):
    save_evaluated("tanh_sgd", [1.0])
    reported, forgotten = identity(seed=0), replace(identity(), code="of long ago")
    for who in (*(run.identity for run in wanted), reported, forgotten):
        store.save(who, TRAINED, PROVENANCE)
    prune.main()
    assert set(store.entries()) == {reported.digest, *(run.identity.digest for run in wanted)}
    said = capsys.readouterr().out
    assert " had 4 runs, 0.0 MB; removed, since nothing here names them: 1 runs, 0.0 MB" in said


def test_without_data_only_reported_runs_are_named(workspace):
    save_evaluated("tanh_sgd", [1.0])
    assert prune.named(load_settings()) == {identity(seed=0).digest}


def test_an_empty_store_is_no_mistake(workspace, capsys):
    prune.main()
    assert "had 0 runs" in capsys.readouterr().out
