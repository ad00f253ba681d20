"""`make sweep` on the bundled digits; tests/test_settings.py has mistakes in its file."""

import pandas as pd
import pytest
from ruamel.yaml import YAML
from support.params import edit_params

from lenet.commands import sweep
from lenet.errors import LabError
from lenet.runs import store
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
    found = read(written())
    assert found.recipe == load_settings().variant("tanh_sgd")
    assert {name: recipe.learning_rate for name, recipe in found.recipes().items()} == {
        "learning_rate=0.01": 0.01,
        "learning_rate=0.02": 0.02,
    }


def test_a_sweep_is_never_written_over(written):
    written()
    with pytest.raises(LabError, match=r"^sweeps/rates/sweep.yaml already exists"):
        written()


def test_a_grid_is_all_combinations_the_first_values_first(written):
    recipes = read(written(grids=[{"batch_size": [64, 32], "epochs": [1, 2]}])).recipes()
    assert list(recipes) == [
        "batch_size=64 epochs=1",
        "batch_size=64 epochs=2",
        "batch_size=32 epochs=1",
        "batch_size=32 epochs=2",
    ]


def test_several_grids_are_tried_one_after_the_other(written):
    found = read(written(grids=[{"optimizer": ["sgd"]}, {"optimizer": ["adam"], "learning_rate": [0.001, 0.002]}]))
    assert list(found.recipes()) == [
        "optimizer=sgd",
        "optimizer=adam learning_rate=0.001",
        "optimizer=adam learning_rate=0.002",
    ]
    assert found.varied == ["optimizer", "learning_rate"]


def test_results_are_drawn_along_a_number_of_three_values_or_more(written):
    three, another = ({"activation": [name], "learning_rate": [0.01, 0.02, 0.04]} for name in ("tanh", "relu"))
    assert read(written(grids=[three, another])).drawn_along == "learning_rate"


def test_results_are_not_drawn_along_what_some_grid_does_not_vary(written):
    assert read(written(grids=[{"epochs": [1, 2, 3]}, {"activation": ["relu"]}])).drawn_along is None
    (SWEEPS / "rates" / "sweep.yaml").unlink()
    assert read(written()).drawn_along is None


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


@pytest.fixture
def digits_sweep(processed, written, client, monkeypatch):
    """A sweep over two rates, two seeds and two folds of 400 digits."""
    with edit_params() as params:
        params["data"]["dataset"] = "digits"
        params["compute"]["workers"] = 1
    written(recipe={"epochs": 1}, grids=[{"learning_rate": [0.01, 0.05]}], folds=2)
    monkeypatch.setattr(sweep, "reproduce", lambda targets: True)  # the data are there, and nothing of DVC
    monkeypatch.setattr("sys.argv", ["sweep", "rates"])


@pytest.mark.slow
def test_a_sweep_trains_once_and_tells_recipes_apart(digits_sweep, client, capsys):
    sweep.main()
    first = (SWEEPS / "rates" / "trials.csv").read_bytes()
    rows = pd.read_csv(SWEEPS / "rates" / "trials.csv", index_col="recipe")
    assert list(rows.index) == ["learning_rate=0.01", "learning_rate=0.05"]
    faster = rows.loc["learning_rate=0.05"]
    assert faster["validation_cross_entropy_difference"] < -2 * faster["validation_cross_entropy_difference_se"] < 0
    assert set(" ".join(rows["runs"]).split()) == set(store.entries())
    assert len(store.entries()) == 2 * 2 * 2
    experiment = client().get_experiment_by_name("lenet5-digits-sweep-rates")
    runs = client().search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["kind"] for run in runs) == ["seed"] * 8 + ["variant"] * 2
    assert {run.info.status for run in runs} == {"FINISHED"}
    capsys.readouterr()
    sweep.main()
    assert "epoch" not in capsys.readouterr().err
    assert (SWEEPS / "rates" / "trials.csv").read_bytes() == first
    assert len(client().search_runs([experiment.experiment_id])) == len(runs)
