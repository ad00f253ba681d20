"""`make sweep` on the bundled digits; tests/test_settings.py has mistakes in its file."""

import pandas as pd
import pytest
from ruamel.yaml import YAML
from support.params import edit_params

from lenet.commands import sweep
from lenet.errors import LabError
from lenet.runs import run_store
from lenet.settings import load_settings, load_sweep
from lenet.workspace import SWEEPS


@pytest.fixture
def written(workspace):
    """Start a sweep and edit its file; return its path."""

    def write(**changed):
        path = sweep.start(SWEEPS / "rates", "tanh_sgd", load_settings())
        content = YAML(typ="safe").load(path) | changed
        YAML().dump(content, path)
        return path

    return write


def read(path):
    return load_sweep(path, load_settings())


def test_a_new_sweep_is_complete_and_asks_for_two_rates(written):
    started = read(written())
    assert started.recipe == load_settings().variant("tanh_sgd")
    assert {name: recipe.learning_rate for name, recipe in started.recipes().items()} == {
        "learning_rate=0.01": 0.01,
        "learning_rate=0.02": 0.02,
    }


def test_a_sweep_is_never_written_over(written):
    written()
    with pytest.raises(LabError, match=r"^sweeps/rates/sweep.yaml already exists"):
        written()


@pytest.mark.parametrize(
    ("grids", "names"),
    [
        (
            [{"batch_size": [64, 32], "epochs": [1, 2]}],
            ["batch_size=64 epochs=1", "batch_size=64 epochs=2", "batch_size=32 epochs=1", "batch_size=32 epochs=2"],
        ),
        (
            [{"optimizer": ["sgd"]}, {"optimizer": ["adam"], "learning_rate": [0.001, 0.002]}],
            ["optimizer=sgd", "optimizer=adam learning_rate=0.001", "optimizer=adam learning_rate=0.002"],
        ),
    ],
)
def test_grids_are_tried_one_after_the_other_all_combinations_of_each(written, grids, names):
    started = read(written(grids=grids))
    assert list(started.recipes()) == names
    assert started.varied == list(dict.fromkeys(name for grid in grids for name in grid))


RATES = {"learning_rate": [0.01, 0.02, 0.04]}


@pytest.mark.parametrize(
    ("grids", "along"),
    [
        ([{"activation": ["tanh"], **RATES}, {"activation": ["relu"], **RATES}], "learning_rate"),
        ([{"epochs": [1, 2, 3]}, {"activation": ["relu"]}], None),
        ([{"learning_rate": [0.01, 0.02]}], None),
    ],
    ids=["three values", "not in every grid", "two values"],
)
def test_results_are_drawn_along_a_number_of_three_values_or_more_that_every_grid_varies(written, grids, along):
    assert read(written(grids=grids)).drawn_along == along


def test_recipes_that_are_variants_of_the_study_are_known_by_name(written):
    known = sweep.known_variants(read(written()), load_settings())
    assert known == {"learning_rate=0.01": "tanh_sgd"}


def test_a_sweep_that_is_not_there_is_refused_with_the_command_that_starts_one(workspace):
    with pytest.raises(LabError, match=r"`make sweep NAME=rates FROM=tanh_sgd` starts one"):
        read(SWEEPS / "rates" / "sweep.yaml")


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/elsewhere", "a/../../b", "Rates", "", "a\n", "a\0", "a" * 250])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(LabError, match="is not a valid name of a sweep"):
        sweep.folder_of(name)


@pytest.mark.slow
def test_a_sweep_trains_once_and_tells_recipes_apart(processed, written, client, monkeypatch, capsys):
    """Two rates, two seeds and two folds of 400 digits."""
    with edit_params() as params:
        params["data"]["dataset"] = "digits"
        params["compute"]["workers"] = 1
    written(recipe={"epochs": 1}, grids=[{"learning_rate": [0.01, 0.05]}], folds=2)
    monkeypatch.setattr(sweep, "reproduce", lambda targets: True)  # the data are there, and nothing of DVC
    monkeypatch.setattr("sys.argv", ["sweep", "rates"])
    sweep.main()
    first = (SWEEPS / "rates" / "trials.csv").read_bytes()
    rows = pd.read_csv(SWEEPS / "rates" / "trials.csv", index_col="recipe")
    assert list(rows.index) == ["learning_rate=0.01", "learning_rate=0.05"]
    faster = rows.loc["learning_rate=0.05"]
    assert faster["validation_cross_entropy_difference"] < -2 * faster["validation_cross_entropy_difference_se"] < 0
    assert set(" ".join(rows["runs"]).split()) == set(run_store.entries())
    assert len(run_store.entries()) == 2 * 2 * 2
    experiment = client().get_experiment_by_name("lenet5-digits-sweep-rates")
    runs = client().search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["kind"] for run in runs) == ["seed"] * 8 + ["variant"] * 2
    assert {run.info.status for run in runs} == {"FINISHED"}
    capsys.readouterr()
    sweep.main()
    assert "epoch" not in capsys.readouterr().err
    assert (SWEEPS / "rates" / "trials.csv").read_bytes() == first
    assert len(client().search_runs([experiment.experiment_id])) == len(runs)
