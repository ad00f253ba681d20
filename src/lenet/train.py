"""Stage 3, run once per variant with `dvc repro train@<variant>`: train the variant from each seed.

Reads data/processed/{train,validation}.npz and statistics.json, never the test set. Trains the runs that are missing
from the run store, then copies all runs of the variant from the run store to models/<variant>/seed-<k>/. Each of these
folders contains model.weights.h5, model.json, history.csv and run.json.

On two cores, six seeds of 20 epochs on MNIST take three to six minutes. With the recipe of 1998, they take up to 15
minutes.
"""

from pathlib import Path

from lenet import program
from lenet.execution import schedule
from lenet.runs import run_store
from lenet.settings import Settings, load_settings
from lenet.workspace import MODELS, atomic_write, variant_of_stage


def train_variant(variant: str, settings: Settings, folder: Path) -> None:
    """Train the variant's runs that are missing from the run store, then copy all runs of the variant to `folder`."""
    runs = schedule.planned_runs(settings, [variant])
    with schedule.process_pool(settings.compute.workers) as processes:
        for _ in schedule.train_runs(schedule.missing_runs(runs), processes):
            pass
    for run in runs:
        run_store.copy(run.identity, folder / f"seed-{run.identity.seed}")


def main(variant: str) -> None:
    with atomic_write(MODELS / variant) as folder:
        train_variant(variant, load_settings(), folder)


if __name__ == "__main__":
    program.run(lambda: main(variant_of_stage("train")))
