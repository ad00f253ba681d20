"""Stage 3, once per variant: `python -m lenet.train <variant>`.

Reads data/processed/{train,validation}.npz and statistics.json, never the test set; writes
models/<variant>/seed-<k>/{model.weights.h5, model.json, history.csv, run.json}, one folder per seed.
Six seeds of 20 epochs on MNIST take about five minutes on two cores.
"""

import sys
import time

from lenet import engine, errors, moment, progress, tracking
from lenet.config import Variant, load_settings
from lenet.data import Split, Statistics, load_split, load_statistics
from lenet.identity import RunIdentity, identify, unchanged_meanwhile
from lenet.runs import TrainedRun, write_run
from lenet.workspace import MODELS, written_whole


def work(
    identity: RunIdentity, settings: Variant, statistics: Statistics, train: Split, validation: Split, emit: engine.Emit
) -> TrainedRun:
    """Train one run inside a worker; emit (identity, epoch, metrics), first with epoch 0 and no metrics."""
    from lenet.training import train_run  # TensorFlow belongs into workers alone

    emit((identity, 0, {}))
    return train_run(
        settings, statistics, identity.seed, train, validation, lambda epoch, metrics: emit((identity, epoch, metrics))
    )


def speed_report(variant: str, images: int, workers: int, wall_s: float, finished: list[engine.Finished]) -> str:
    """Say in one line what a variant's training took; `images` is the number that one run was trained on."""
    seconds = sum(run.duration_s for run in finished)
    return (
        f"{variant}: {len(finished)} runs in {wall_s:.0f} s; {images * len(finished) / seconds:,.0f} images/s per worker, "
        f"{images * len(finished) / wall_s:,.0f} in total on {workers}; "
        f"peak memory {max(run.peak_memory_mib for run in finished):,.0f} MiB per worker"
    )


def main(variant: str) -> None:
    settings = load_settings()
    recipe = settings.variant(variant)
    statistics = load_statistics()
    with unchanged_meanwhile("train", variant), written_whole(MODELS / variant) as folder:
        identities = identify(settings, variant, statistics)
        workers = engine.worker_count(settings.compute.workers, len(identities))
        train, validation = load_split("train"), load_split("validation")
        tags = moment.here_and_now()
        started_ms: dict[int, int] = {}
        finished: list[engine.Finished] = []
        start = time.monotonic()
        description = settings.about.get(variant, "")
        with tracking.live(identities, description, tags) as log, progress.shown(variant, recipe.epochs) as bars:

            def on_event(event) -> None:
                identity, epoch, metrics = event
                started_ms.setdefault(identity.seed, time.time_ns() // 1_000_000)
                log(identity, epoch, metrics)
                bars.show(identity.seed, epoch, metrics.get("validation/error_percent"))

            shared = (recipe, statistics, train, validation)
            for run in engine.run_side_by_side(work, identities, shared, workers, on_event):
                write_run(folder / f"seed-{run.task.seed}", run.task, run.result)
                finished.append(run)
        print(speed_report(variant, len(train) * recipe.epochs, workers, time.monotonic() - start, finished))
    for run in finished:
        moment.save_notes(run.task.digest, tags, started_ms[run.task.seed], run.duration_s)


if __name__ == "__main__":
    errors.run(lambda: main(*errors.arguments("variant")))
