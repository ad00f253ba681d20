"""`make sweep NAME=…`: train the recipes of sweeps/<name>/sweep.yaml, and compare them on validation images.

Writes trials.csv and trials.png into the same folder. If the sweep has a 2×2 design, also writes effects.csv. A 2×2
design has four recipes: without two changes, with each change alone, and with both. Publishes to a separate MLflow
experiment. The test set is not used. If the sweep's data set is not the study's, its splits are made in a side
workspace.
With FROM=<variant>, the command only writes a new sweep.yaml, which starts from the recipe of this variant.
"""

import sys
from collections.abc import Mapping, Sequence
from operator import methodcaller
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from lenet import program
from lenet.commands import side_workspace
from lenet.commands.dvc import reproduce
from lenet.commands.pipeline import longest_first
from lenet.commands.publisher import Publisher
from lenet.errors import LabError
from lenet.evaluation import trials
from lenet.evaluation.trials import Trial
from lenet.execution import schedule
from lenet.execution.schedule import PlannedRun
from lenet.network import determinism
from lenet.report import figures
from lenet.report.tables import write_csv
from lenet.runs import run_store
from lenet.runs.identity import DataIdentity
from lenet.runs.training_data import identify_data, load_training_data
from lenet.settings import Settings, Sweep, VariantName, load_settings, load_sweep
from lenet.tracking import pages
from lenet.tracking.mlflow_store import disable_after_failure
from lenet.training.trained_run import ARCHITECTURE, TRAIN_ERROR, WEIGHTS
from lenet.workspace import SWEEPS, atomic_write

_USAGE = "`make sweep NAME=<name>` runs sweeps/<name>/sweep.yaml; with FROM=<variant> it writes a new one instead"


def sweep_folder(name: str) -> Path:
    """Return the folder of a sweep; raise LabError if the name is missing or not valid."""
    if not name:
        raise LabError(f"NAME is missing: {_USAGE}")
    try:
        return SWEEPS / TypeAdapter(VariantName).validate_python(name)  # as for comparison.sweeps in params.yaml
    except ValidationError:
        raise LabError(
            f"{name!r} is not a valid sweep name: use up to 64 lowercase letters, digits and _, "
            f"with a letter first: {_USAGE}"
        ) from None


def start(folder: Path, variant: str, settings: Settings) -> Path:
    """Write the sweep.yaml of a new sweep and return the path of the file; raise LabError if the file exists."""
    path, recipe = folder / "sweep.yaml", settings.variant(variant)
    if path.exists():
        raise LabError(f"{path} already exists: edit it, or choose another NAME")
    sweep = {
        "about": f"Does {variant} learn better at another rate?",
        "dataset": settings.data.dataset,
        "from": variant,
        "recipe": {} if recipe.train_on == "train" else {"train_on": "train"},
        "grids": [{"learning_rate": _one_line_list([recipe.learning_rate, 2 * recipe.learning_rate])}],
        "seeds": _one_line_list([0, 1]),
        "folds": 1,
    }
    with atomic_write(path) as partial, open(partial, "w", encoding="utf-8") as file:
        YAML().dump(sweep, file)
    return path


def _one_line_list(values: list[float]) -> CommentedSeq:
    sequence = CommentedSeq(values)
    sequence.fa.set_flow_style()
    return sequence


def planned_runs(sweep: Sweep) -> list[PlannedRun]:
    """Return the runs of a sweep: one for each combination of recipe, fold and seed."""
    folds = [(number, sweep.folds) for number in range(1, sweep.folds + 1)] if sweep.folds > 1 else [None]
    return schedule.runs_of_recipes(sweep.recipes(), sweep.seeds, [identify_data(fold) for fold in folds])


def variants_by_recipe(sweep: Sweep, settings: Settings) -> dict[str, str]:
    """Find the sweep's recipes that equal a variant of the study; return {name of the recipe: name of the variant}."""
    return {
        name: variant
        for name, recipe in sweep.recipes().items()
        for variant, variant_recipe in settings.variants.items()
        if recipe == variant_recipe
    }


def measure(runs: Sequence[PlannedRun], recipes: Sequence[str]) -> dict[str, Trial]:
    """Measure the trained networks of each recipe on validation images; return {recipe: trial}.

    A network is measured on the validation images of its fold. These images were not used to train the network.
    """
    determinism.prepare()
    validation = {
        fold: load_training_data(fold).validation for fold in dict.fromkeys(run.identity.data for run in runs)
    }
    probabilities = {run.identity.digest: _predict(run, validation[run.identity.data].images) for run in runs}

    def stack_seeds(recipe: str, fold: DataIdentity) -> np.ndarray:
        identities = [run.identity for run in runs if recipe in run.variants]
        return np.stack([probabilities[identity.digest] for identity in identities if identity.data == fold])

    labels = [split.labels for split in validation.values()]
    return {recipe: trials.measure([stack_seeds(recipe, fold) for fold in validation], labels) for recipe in recipes}


def _predict(run: PlannedRun, images: np.ndarray) -> np.ndarray:
    from lenet.network import model as networks  # imports TensorFlow, which is not needed if nothing is measured

    entry = run_store.entry(run.identity.digest)
    return networks.make_predictor(networks.load_model(entry / ARCHITECTURE, entry / WEIGHTS))(images)


def save_trials(
    folder: Path, sweep: Sweep, table: pd.DataFrame, runs: Sequence[PlannedRun], variants: Mapping[str, str]
) -> None:
    """Write trials.csv and the figure trials.png.

    trials.csv has one row per recipe, with the varied settings, the columns of `table`, and the digests of the runs. If
    the sweep has training curves, it also has columns with training errors. variants: what `variants_by_recipe`
    returns. The figure marks the recipes that equal a variant.
    """
    settings = {name: recipe.model_dump(include=set(sweep.varied_settings)) for name, recipe in sweep.recipes().items()}
    varied_settings = pd.DataFrame(settings).T[sweep.varied_settings]
    digests = {
        recipe: [run.identity.digest for run in runs if recipe in run.variants] for recipe in map(str, table.index)
    }
    columns = varied_settings.join(table).rename_axis("recipe")
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    if sweep.training_curves:
        curves = {recipe: mean_training_curve(recipe_digests) for recipe, recipe_digests in digests.items()}
        for epoch in sweep.training_curves.epochs:
            columns[f"train_error_percent_epoch_{epoch}"] = [curve[epoch - 1] for curve in curves.values()]
        figure = figures.sweep_training_curves(curves, table, sweep.training_curves.published)
    elif x_setting := sweep.x_axis_setting:
        figure = figures.sweep_over_setting(table, varied_settings, x_setting, variants)
    else:
        figure = figures.sweep_differences(table)
    figures.save(figure, folder / "trials.png")
    columns["runs"] = [" ".join(recipe_digests) for recipe_digests in digests.values()]
    write_csv(columns, folder / "trials.csv", index=True)


def mean_training_curve(digests: Sequence[str]) -> np.ndarray:
    """Return the training error in percent after each epoch, float (epochs,): the mean over runs of the run store."""
    return np.mean([run_store.load_history(digest)[TRAIN_ERROR] for digest in digests], axis=0)


def save_effects(folder: Path, sweep: Sweep, measured: Mapping[str, Trial]) -> None:
    """Write effects.csv: the effects of the two changes in each 2×2 design of the sweep.

    If the sweep has no 2×2 design, write nothing.
    """
    effects = {number: trials.effects(measured, recipes) for number, recipes in enumerate(sweep.factorials, start=1)}
    if effects:
        table = pd.concat(effects, names=["factorial"]).reset_index(level="factorial")
        write_csv(table, folder / "effects.csv")


def digests_in(path: Path) -> list[str]:
    """Return the digests of the runs listed in a trials.csv; raise LabError if the file cannot be read."""
    try:
        return " ".join(pd.read_csv(path)["runs"]).split()
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path} cannot be read ({error}): run `make sweep NAME={path.parent.name}`, which writes it again"
        ) from None


def as_text(table: pd.DataFrame) -> str:
    """Return the table as text: the mean loss and the mean error of each recipe.

    Next to each mean, the text shows its difference from the first recipe's mean, ± the standard error of the
    difference.
    """
    lines = [
        "Means on validation images. Difference: from the first recipe, ± its standard error.",
        "cross-entropy    difference        error (%)   difference   recipe",
    ]
    for recipe, row in table.iterrows():
        loss, error = (
            row[[metric, f"{metric}_difference", f"{metric}_difference_se"]] for metric in (trials.LOSS, trials.ERROR)
        )
        numbers = "{:13.4f}  {:+.4f} ± {:.4f}".format(*loss) + "  {:9.2f}  {:+.2f} ± {:.2f}".format(*error)
        lines.append(f"{numbers}   {recipe}")
    return "\n".join(lines)


@disable_after_failure()
def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise LabError(f"FROM: expected one variant: {_USAGE}")
    settings, folder = load_settings(), sweep_folder(sys.argv[1])
    if len(sys.argv) == 3:
        path = start(folder, sys.argv[2], settings)
        print(f"wrote {path}: edit its grids, then run `make sweep NAME={folder.name}`")
        return
    sweep = load_sweep(folder / "sweep.yaml", settings)
    experiment = pages.sweep_experiment(folder.name, sweep.about, sweep.dataset, sweep.varied_settings)
    publisher = Publisher()
    with side_workspace.entered(side_workspace.prepare(sweep.dataset, settings)):
        if not reproduce(["preprocess"]):
            raise LabError(
                "the data could not be downloaded (reasons above): correct the cause, then run the same command again"
            )
        runs = planned_runs(sweep)
        with schedule.process_pool(settings.compute.workers) as processes:
            for run in schedule.train_runs(longest_first(schedule.missing_runs(runs)), processes):
                publisher.add(methodcaller("publish_run", experiment, run, with_model=False))
        measured = measure(runs, list(sweep.recipes()))
    table = trials.table(measured)
    save_trials(folder, sweep, table, runs, variants_by_recipe(sweep, settings))
    save_effects(folder, sweep, measured)
    publisher.add(methodcaller("publish_sweep", experiment, runs, table))
    publisher.wait()
    print(f"{as_text(table)}\nThe results are in {folder}; `make ui` shows all runs in MLflow.")


if __name__ == "__main__":
    program.run(main)
