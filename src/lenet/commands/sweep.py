"""`make sweep NAME=…`: train what sweeps/<name>/sweep.yaml asks for, and compare it on validation digits.

Writes trials.csv and trials.png beside it, effects.csv where it asks for a 2×2, and to MLflow an experiment of its own.
The test set has no part in it.
With FROM=<variant> it starts a new sweep instead, with that variant's recipe.
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
from lenet.tracking.mlflow_store import one_warning
from lenet.training.trained_run import ARCHITECTURE, WEIGHTS
from lenet.workspace import SWEEPS, atomic_write

_USAGE = "make sweep NAME=<name> runs sweeps/<name>/sweep.yaml; with FROM=<variant> it writes that file first"


def folder_of(name: str) -> Path:
    """Return the folder of a sweep; raise LabError if that is no name for one."""
    try:
        return SWEEPS / TypeAdapter(VariantName).validate_python(name)  # as in params.yaml's comparison.sweeps
    except ValidationError:
        raise LabError(
            f"{name!r} is not a valid name of a sweep: use up to 64 lowercase letters, digits, _: {_USAGE}"
        ) from None


def start(folder: Path, variant: str, settings: Settings) -> Path:
    """Write the sweep.yaml of a new sweep; raise LabError where there is one."""
    path, recipe = folder / "sweep.yaml", settings.variant(variant)
    if path.exists():
        raise LabError(f"{path} already exists: edit it, or choose another name")
    sweep = {
        "about": f"Does {variant} learn better at another rate?",
        "from": variant,
        "recipe": {} if recipe.train_on == "train" else {"train_on": "train"},
        "grids": [{"learning_rate": _in_a_line([recipe.learning_rate, 2 * recipe.learning_rate])}],
        "seeds": _in_a_line([0, 1]),
        "folds": 1,
    }
    with atomic_write(path) as partial, open(partial, "w", encoding="utf-8") as file:
        YAML().dump(sweep, file)
    return path


def _in_a_line(values: list[float]) -> CommentedSeq:
    line = CommentedSeq(values)
    line.fa.set_flow_style()
    return line


def planned_runs(sweep: Sweep) -> list[PlannedRun]:
    """Return the runs of a sweep: of every recipe of its grid, on every fold, from every seed."""
    folds = [(number, sweep.folds) for number in range(1, sweep.folds + 1)] if sweep.folds > 1 else [None]
    return schedule.runs_of_recipes(sweep.recipes(), sweep.seeds, [identify_data(fold) for fold in folds])


def known_variants(sweep: Sweep, settings: Settings) -> dict[str, str]:
    """Return which variant of the study a recipe of the sweep is, by the recipe's name."""
    return {
        name: variant
        for name, recipe in sweep.recipes().items()
        for variant, of_study in settings.variants.items()
        if recipe == of_study
    }


def measure(runs: Sequence[PlannedRun], recipes: Sequence[str]) -> dict[str, Trial]:
    """Let the networks of each recipe read the validation digits that they did not see."""
    determinism.prepare()
    held_out = {fold: load_training_data(fold).validation for fold in dict.fromkeys(run.identity.data for run in runs)}
    outputs = {run.identity.digest: _predict(run, held_out[run.identity.data].images) for run in runs}

    def of_fold(recipe: str, fold: DataIdentity) -> np.ndarray:
        identities = [run.identity for run in runs if recipe in run.variants]
        return np.stack([outputs[identity.digest] for identity in identities if identity.data == fold])

    labels = [digits.labels for digits in held_out.values()]
    return {recipe: trials.measure([of_fold(recipe, fold) for fold in held_out], labels) for recipe in recipes}


def _predict(run: PlannedRun, images: np.ndarray) -> np.ndarray:
    from lenet.network import model as networks  # imports TensorFlow: not where there is nothing to measure

    entry = run_store.entry(run.identity.digest)
    return networks.predictor(networks.load_model(entry / ARCHITECTURE, entry / WEIGHTS))(images)


def save(folder: Path, sweep: Sweep, table: pd.DataFrame, runs: Sequence[PlannedRun], known: Mapping[str, str]) -> None:
    """Write the table, with what each recipe tries and the runs that it is made of, and its figure.

    known: which variant of the study a recipe is, where it is one.
    """
    settings = {recipe: each.model_dump(include=set(sweep.varied)) for recipe, each in sweep.recipes().items()}
    tried = pd.DataFrame(settings).T[sweep.varied]
    digests = [" ".join(run.identity.digest for run in runs if recipe in run.variants) for recipe in table.index]
    write_csv(tried.join(table).rename_axis("recipe").assign(runs=digests), folder / "trials.csv", index=True)
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    along = sweep.drawn_along
    figure = figures.trials_along(table, tried, along, known) if along else figures.trials(table)
    figures.save(figure, folder / "trials.png")


def save_effects(folder: Path, sweep: Sweep, measured: Mapping[str, Trial]) -> None:
    """Write what the changes of each 2×2 are worth."""
    effects = {number: trials.effects(measured, four) for number, four in enumerate(sweep.factorials, start=1)}
    if effects:
        table = pd.concat(effects, names=["factorial"]).reset_index(level="factorial")
        write_csv(table, folder / "effects.csv")


def digests_in(path: Path) -> list[str]:
    """Return the digests of the runs that a trials.csv is made of; raise LabError where it cannot be read."""
    try:
        return " ".join(pd.read_csv(path)["runs"]).split()
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} cannot be read ({error}): run `make sweep NAME={path.parent.name}`") from None


def as_text(table: pd.DataFrame) -> str:
    """Return the table for the terminal: means, and differences from the first recipe with their standard errors."""
    lines = ["cross-entropy    difference        error (%)   difference   recipe"]
    for recipe, row in table.iterrows():
        loss, error = (
            row[[name, f"{name}_difference", f"{name}_difference_se"]] for name in (trials.LOSS, trials.ERROR)
        )
        numbers = "{:13.4f}  {:+.4f} ± {:.4f}".format(*loss) + "  {:9.2f}  {:+.2f} ± {:.2f}".format(*error)
        lines.append(f"{numbers}   {recipe}")
    return "\n".join(lines)


@one_warning()
def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise LabError(_USAGE)
    settings, folder = load_settings(), folder_of(sys.argv[1])
    if len(sys.argv) == 3:
        path = start(folder, sys.argv[2], settings)
        print(f"{path} is written: edit its grid, then run: make sweep NAME={folder.name}")
        return
    sweep = load_sweep(folder / "sweep.yaml", settings)
    if not reproduce(["preprocess"]):
        raise LabError(
            "the data could not be downloaded (reasons above): correct that, then run the same command again"
        )
    runs = planned_runs(sweep)
    experiment = pages.sweep_experiment(folder.name, sweep.about, settings.data.dataset, sweep.varied)
    publisher = Publisher()
    missing = longest_first(schedule.missing_runs(runs))
    with schedule.process_pool(settings.compute.workers) as processes:
        for run in schedule.train_runs(missing, processes):
            publisher.add(methodcaller("publish_run", experiment, run, with_model=False))
    measured = measure(runs, list(sweep.recipes()))
    table = trials.table(measured)
    save(folder, sweep, table, runs, known_variants(sweep, settings))
    save_effects(folder, sweep, measured)
    publisher.add(methodcaller("publish_sweep", experiment, runs, table))
    publisher.wait()
    print(f"{as_text(table)}\nWritten into {folder}; `make ui` shows all runs in MLflow.")


if __name__ == "__main__":
    program.run(main)
