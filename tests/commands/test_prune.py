"""`make prune` keeps the runs that settings or results refer to, and prints how much it removed."""

from dataclasses import replace

import pytest
from support.builders import identity, save_evaluated
from support.params import edit_params
from support.runs import PROVENANCE, TRAINED

from lenet.commands import prune, sweep
from lenet.errors import LabError
from lenet.execution import schedule
from lenet.runs import run_store
from lenet.settings import load_settings, load_sweep
from lenet.workspace import SWEEPS


@pytest.fixture
def planned(processed):
    """Reduce params.yaml to one seed. Return the planned runs of the variants tanh_sgd and relu_adam."""
    with edit_params() as params:
        params["seeds"] = [0]
    return schedule.planned_runs(load_settings(), ["tanh_sgd", "relu_adam"])


def test_runs_in_settings_or_results_are_kept_and_others_are_removed(planned, capsys):
    save_evaluated("tanh_sgd", [1.0])
    reported, unreferenced = identity(seed=0), replace(identity(), code="of long ago")
    for identity_to_save in (*(run.identity for run in planned), reported, unreferenced):
        run_store.save(identity_to_save, TRAINED, PROVENANCE)
    prune.main()
    assert set(run_store.entry_sizes()) == {reported.digest, *(run.identity.digest for run in planned)}
    printed = capsys.readouterr().out
    assert " contained 4 runs (0.0 MB); removed 1 run (0.0 MB) that neither settings nor results refer to" in printed


def test_without_data_runs_in_results_are_kept(workspace, capsys):
    prune.main()
    assert "contained 0 runs" in capsys.readouterr().out
    save_evaluated("tanh_sgd", [1.0])
    run_store.save(identity(seed=0), TRAINED, PROVENANCE)
    prune.main()
    assert set(run_store.entry_sizes()) == {identity(seed=0).digest}


def test_runs_of_finished_and_unfinished_sweeps_are_kept(processed):
    path = sweep.start(SWEEPS / "rates", "tanh_sgd", load_settings())
    planned, reported = sweep.planned_runs(load_sweep(path, load_settings()))[1].identity, identity(seed=5)
    (path.parent / "trials.csv").write_text(f"recipe,runs\na,{reported.digest} {'0' * 64}\n")
    for identity_to_save in (planned, reported, replace(identity(), code="of long ago")):
        run_store.save(identity_to_save, TRAINED, PROVENANCE)
    prune.main()
    assert set(run_store.entry_sizes()) == {planned.digest, reported.digest}


@pytest.mark.parametrize("content", ["", "recipe\na\n"])
def test_nothing_is_removed_if_the_results_of_a_sweep_cannot_be_read(workspace, content):
    (SWEEPS / "rates").mkdir(parents=True)
    (SWEEPS / "rates" / "trials.csv").write_text(content)
    run_store.save(identity(), TRAINED, PROVENANCE)
    with pytest.raises(LabError, match=r"^sweeps/rates/trials.csv cannot be read .*make sweep NAME=rates"):
        prune.main()
    assert run_store.entry_sizes()
