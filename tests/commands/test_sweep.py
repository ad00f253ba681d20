"""`make sweep` on the bundled digits. Mistakes in sweep.yaml are tested in tests/test_settings.py."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from support.builders import identity
from support.params import edit_params
from support.paths import ROOT
from support.runs import TRAINED

from lenet.commands import prune, sweep
from lenet.errors import LabError
from lenet.evaluation import trials
from lenet.evaluation.trials import Trial
from lenet.execution import schedule
from lenet.runs import run_store
from lenet.settings import load_settings, load_sweep
from lenet.training.trained_run import EPOCH_METRICS
from lenet.workspace import RAW, SWEEPS

PUBLISHED = {"epoch": 19, "error_percent": 0.35}


@pytest.fixture
def write_sweep(workspace):
    """Return a function that creates the sweep.yaml of a new sweep, changes it and returns its path."""

    def write(**changed):
        path = sweep.start(SWEEPS / "rates", "tanh_sgd", load_settings())
        content = YAML(typ="safe").load(path) | changed
        YAML().dump(content, path)
        return path

    return write


def load(path):
    return load_sweep(path, load_settings())


def test_a_new_sweep_is_valid_and_has_two_learning_rates(write_sweep):
    loaded = load(write_sweep())
    assert loaded.recipe == load_settings().variant("tanh_sgd")
    assert {name: recipe.learning_rate for name, recipe in loaded.recipes().items()} == {
        "learning_rate=0.01": 0.01,
        "learning_rate=0.02": 0.02,
    }


def test_an_existing_sweep_is_not_overwritten(write_sweep):
    write_sweep()
    with pytest.raises(LabError, match=r"^sweeps/rates/sweep.yaml already exists"):
        write_sweep()


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
def test_recipes_are_all_combinations_of_each_grid_in_the_order_of_the_grids(write_sweep, grids, names):
    loaded = load(write_sweep(grids=grids))
    assert list(loaded.recipes()) == names
    assert loaded.varied_settings == list(dict.fromkeys(name for grid in grids for name in grid))


RATES = {"learning_rate": [0.01, 0.02, 0.04]}


@pytest.mark.parametrize(
    ("grids", "setting"),
    [
        ([{"activation": ["tanh"], **RATES}, {"activation": ["relu"], **RATES}], "learning_rate"),
        ([{"epochs": [1, 2, 3]}, {"activation": ["relu"]}], None),
        ([{"learning_rate": [0.01, 0.02]}], None),
    ],
    ids=["three values", "not in every grid", "two values"],
)
def test_results_are_drawn_along_a_number_that_has_at_least_three_values_in_every_grid(write_sweep, grids, setting):
    assert load(write_sweep(grids=grids)).x_axis_setting == setting


def test_recipes_that_equal_a_variant_are_named_after_it(write_sweep):
    variants = sweep.variants_by_recipe(load(write_sweep()), load_settings())
    assert variants == {"learning_rate=0.01": "tanh_sgd"}


def test_a_missing_sweep_is_refused_with_the_command_that_creates_it(workspace):
    with pytest.raises(LabError, match=r"`make sweep NAME=rates FROM=tanh_sgd` creates it"):
        load(SWEEPS / "rates" / "sweep.yaml")


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/elsewhere", "a/../../b", "Rates", "a\n", "a\0", "a" * 250])
def test_an_invalid_name_is_refused(name):
    with pytest.raises(LabError, match="is not a valid sweep name"):
        sweep.sweep_folder(name)
    with pytest.raises(LabError, match=r"^NAME is missing: `make sweep"):
        sweep.sweep_folder("")


def test_training_curves_are_in_the_table_and_in_the_figure(write_sweep, monkeypatch):
    loaded = load(write_sweep(training_curves={"epochs": [1, 3], "published": PUBLISHED}, seeds=[0]))
    runs = schedule.runs_of_recipes(loaded.recipes(), loaded.seeds, [identity().data])
    for run, factor in zip(runs, (1, 2), strict=True):
        history = {name: [factor * value for value in (8.0, 4.0, 2.0)] for name in EPOCH_METRICS}
        run_store.save(run.identity, replace(TRAINED, history=history))
    random = np.random.default_rng(0)
    trial = {recipe: Trial(random.random((1, 50)) < 0.1, np.zeros((1, 50))) for recipe in loaded.recipes()}
    drawn = []
    monkeypatch.setattr(sweep.figures, "save", lambda figure, path: drawn.append(figure))
    sweep.save_trials(SWEEPS / "rates", loaded, trials.table(trial), runs, {})
    rows = pd.read_csv(SWEEPS / "rates" / "trials.csv")
    assert rows["train_error_percent_epoch_1"].tolist() == [8.0, 16.0]
    assert rows["train_error_percent_epoch_3"].tolist() == [2.0, 4.0]
    (axes,) = drawn[0].axes
    lines = {line.get_label().partition(":")[0]: line.get_xydata().tolist() for line in axes.get_lines()}
    assert lines == {
        "learning_rate=0.01": [[1, 8], [2, 4], [3, 2]],
        "learning_rate=0.02": [[1, 16], [2, 8], [3, 4]],
        "published": [[19, 0.35]],
    }


@pytest.mark.slow
def test_a_sweep_on_another_data_set_finds_the_better_rate_and_trains_nothing_twice(
    write_sweep, client, monkeypatch, capsys
):
    """The study is on MNIST, the sweep on the bundled digits: two learning rates, one seed, and two folds."""
    for name in ("src", "dvc.yaml", ".dvcignore", "README.md"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, name)
    with edit_params() as params:
        params["compute"]["workers"] = 1
    write_sweep(dataset="digits", recipe={"epochs": 1}, grids=[{"learning_rate": [0.01, 0.05]}], seeds=[0], folds=2)
    monkeypatch.setattr("sys.argv", ["sweep", "rates"])
    sweep.main()
    first_csv = (SWEEPS / "rates" / "trials.csv").read_bytes()
    rows = pd.read_csv(SWEEPS / "rates" / "trials.csv", index_col="recipe")
    assert list(rows.index) == ["learning_rate=0.01", "learning_rate=0.05"]
    faster = rows.loc["learning_rate=0.05"]
    assert faster["validation_cross_entropy_difference"] < -2 * faster["validation_cross_entropy_difference_se"] < 0
    assert set(" ".join(rows["runs"]).split()) == set(run_store.entry_sizes())
    assert len(run_store.entry_sizes()) == 2 * 2
    experiment = client().get_experiment_by_name("lenet5-digits-sweep-rates")
    runs = client().search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["kind"] for run in runs) == ["seed"] * 4 + ["variant"] * 2
    assert {run.info.status for run in runs} == {"FINISHED"}
    capsys.readouterr()
    sweep.main()
    assert "epoch" not in capsys.readouterr().err
    assert (SWEEPS / "rates" / "trials.csv").read_bytes() == first_csv
    assert len(client().search_runs([experiment.experiment_id])) == len(runs)
    assert not RAW.exists()
    (SWEEPS / "rates" / "trials.csv").unlink()
    prune.main()
    assert len(run_store.entry_sizes()) == 2 * 2  # kept, as if the sweep had been interrupted
