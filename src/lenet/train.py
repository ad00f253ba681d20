"""Stage 3, once per variant: `dvc repro train@<variant>`.

Reads data/processed/{train,validation}.npz and statistics.json, never the test set; writes
models/<variant>/seed-<k>/{model.weights.h5, model.json, history.csv, run.json}, one folder per seed.
Six seeds of 20 epochs on MNIST take three to six minutes on two cores, with the recipe of 1998 up to 15.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lenet import errors
from lenet.errors import LabError
from lenet.execution import pool, progress, provenance
from lenet.mnist.splits import Split, Statistics, load_split, load_statistics
from lenet.network import determinism
from lenet.runs import code
from lenet.runs.files import TrainedRun, write_run
from lenet.runs.identity import RunIdentity, identify
from lenet.settings import Settings, Variant, load_settings
from lenet.tracking import live
from lenet.workspace import MODELS, variant_of_stage, written_whole

FinishedRun = pool.Finished[RunIdentity, TrainedRun]


def work(
    identity: RunIdentity, settings: Variant, statistics: Statistics, train: Split, validation: Split, emit: pool.Emit
) -> TrainedRun:
    """Train one run inside a worker; emit (identity, epoch, metrics), first with epoch 0 and no metrics."""
    determinism.prepare()
    from lenet.training.one_run import train_run  # TensorFlow belongs into workers alone

    emit((identity, 0, {}))
    return train_run(
        settings, statistics, identity.seed, train, validation, lambda epoch, metrics: emit((identity, epoch, metrics))
    )


def speed_report(finished: list[FinishedRun], images_per_run: int, wall_s: float) -> str:
    """Say in one line what a variant's training took; `images_per_run` counts an image once per epoch."""
    images = images_per_run * len(finished)
    return (
        f"{finished[0].task.variant}: {len(finished)} runs in {wall_s:.0f} s: "
        f"{images / sum(run.duration_s for run in finished):,.0f} images/s per worker, "
        f"{images / wall_s:,.0f} images/s in all; "
        f"peak memory {max(run.peak_memory_mib for run in finished):,.0f} MiB per worker"
    )


def train(variant: str, settings: Settings, folder: Path) -> list[FinishedRun]:
    """Train a variant's seeds side by side, each into a folder of its own under `folder`.

    Raises LabError if the code or the settings were edited meanwhile: the runs then end as failed in MLflow too.
    """
    recipe, statistics = settings.variant(variant), load_statistics()
    identities = identify(settings, variant, statistics)
    shared = (recipe, statistics, load_split("train"), load_split("validation"))
    workers = pool.worker_count(settings.compute.workers, len(identities))
    finished: list[FinishedRun] = []
    with (
        live.log_training(identities, settings.about.get(variant, "")) as log,
        progress.shown(variant, recipe.epochs) as bars,
        unchanged_meanwhile(variant),
    ):

        def on_event(event: tuple[RunIdentity, int, Mapping[str, float]]) -> None:
            identity, epoch, metrics = event
            log(identity, epoch, metrics)
            bars.show(identity.seed, epoch, metrics)

        for run in pool.run_side_by_side(work, identities, shared, workers, on_event):
            write_run(folder / f"seed-{run.task.seed}", run.task, run.result)
            finished.append(run)
    return finished


@contextmanager
def unchanged_meanwhile(variant: str) -> Iterator[None]:
    """Raise LabError after the block if this stage's code or the variant's settings were edited while it ran.

    DVC hashes dependencies when a stage ends: it would record the edit as what ran.
    """
    before = _dependencies(variant)
    yield
    after = _dependencies(variant)
    edited = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if edited:
        raise LabError(
            f"{', '.join(edited)} changed while train@{variant} ran, so nothing was kept: run `dvc repro` again"
        )


def _dependencies(variant: str) -> dict[str, object]:
    settings = load_settings()
    return {**code.digests("train"), "params.yaml": (settings.seeds, settings.variant(variant))}


def main(variant: str) -> None:
    start = time.monotonic()
    with written_whole(MODELS / variant) as folder:
        settings = load_settings()
        finished = train(variant, settings, folder)
    for run in finished:
        provenance.save_provenance(run.task.digest, run.started_ms, run.duration_s)
    images = sum(load_statistics().examples_per_class["train"]) * settings.variant(variant).epochs
    print(speed_report(finished, images, time.monotonic() - start))


if __name__ == "__main__":
    errors.run(lambda: main(variant_of_stage("train")))
