"""`python -m lenet.publish`: give the MLflow store everything the workspace holds that it lacks, and nothing twice.

Reads reports/details/, and models/, predictions/ and the test set where they are; in a fresh clone it publishes the
committed metrics alone. Publishing again takes a moment.
"""

import sys
import time

import numpy as np

from lenet import errors, figures, metrics, moment, tracking
from lenet.config import load_settings
from lenet.data import load_split
from lenet.errors import LabError
from lenet.predictions import Predictions, load_predictions
from lenet.results import SeedResult, VariantResult, load_result
from lenet.runs import Run, find_run
from lenet.store import Store, content_digest, store_uri
from lenet.workspace import DETAILS


def publish_variant(result: VariantResult, description: str) -> int:
    """Publish a variant's results; return how many of its runs the store lacked.

    `description` is the one line of `about`. Raises what MLflow raises.
    """
    store = Store(result.seeds[0].identity.data["dataset"])
    with store.locked():
        return _publish_under_lock(store, result, description)


def _publish_under_lock(store: Store, result: VariantResult, description: str) -> int:
    notes = [moment.load_notes(seed.identity.digest) for seed in result.seeds]
    starts = [note["started_ms"] if note else time.time_ns() // 1_000_000 for note in notes]
    parent = store.open_parent(result.seeds[0].identity, description, min(starts))
    predictions = _predictions_of(result)
    lacked = 0
    for index, (seed, note, start_ms) in enumerate(zip(result.seeds, notes, starts, strict=True)):
        run_id = store.open_run(seed.identity, parent, start_ms, note["tags"] if note else {"republished": "true"})
        lacked += _publish_seed(store, run_id, seed, None if predictions is None else predictions.probabilities[index])
        store.close(run_id, end_ms=start_ms + round(1000 * note["duration_s"]) if note else None)
    cost = {"parameters": result.parameters, "multiply_accumulates": result.multiply_accumulates}
    store.log_final(parent, result.epochs, {**result.summary, **cost, "seeds": len(result.seeds)})
    store.close(parent)
    return lacked


def _predictions_of(result: VariantResult) -> Predictions | None:
    """Return the predictions if they are here and are these results'."""
    try:
        predictions, test = load_predictions(result.variant), load_split("test")
    except LabError:
        return None
    counts = [metrics.confusion(probabilities, test.labels).tolist() for probabilities in predictions.probabilities]
    return predictions if counts == [seed.confusion for seed in result.seeds] else None


def _publish_seed(store: Store, run_id: str, seed: SeedResult, probabilities: np.ndarray | None) -> bool:
    """Publish what the store lacks of one run: numbers, pictures, model; return whether it lacked any."""
    content = content_digest(seed.metrics, seed.confusion, seed.history)
    trained = find_run(seed.identity)
    lacks_numbers = store.lacks(run_id, content)
    lacks_model = trained is not None and store.lacks_model(run_id)
    if lacks_numbers:
        epochs = seed.identity.settings["epochs"]
        store.log_history(run_id, seed.history)
        store.log_final(run_id, epochs, seed.metrics)
        store.log_json(run_id, seed.confusion, "confusion.json")
        store.log_figure(run_id, figures.confusion({_title(seed): seed.confusion}), "confusion.png")
        store.mark_published(run_id, content)
    if probabilities is not None and (lacks_numbers or lacks_model):
        wrong = figures.wrong_digits({_title(seed): probabilities}, load_split("test"))
        store.log_figure(run_id, wrong, "wrong_digits.png")
    if lacks_model:
        _publish_model(store, run_id, trained)
    return lacks_numbers or lacks_model


def _publish_model(store: Store, run_id: str, trained: Run) -> None:
    from lenet import determinism

    determinism.prepare()
    from lenet.model import load_model  # imports TensorFlow: only where there is a model to attach

    model = load_model(trained.architecture, trained.weights)
    store.log_model(run_id, model, trained.identity.settings["epochs"])


def _title(seed: SeedResult) -> str:
    return f"{seed.identity.variant} seed {seed.identity.seed}"


def publish_all() -> None:
    """Publish every variant of params.yaml that has results here, and say how much was lacking."""
    settings = load_settings()
    present = [variant for variant in settings.variants if (DETAILS / f"{variant}.json").is_file()]
    lacked = sum(publish_variant(load_result(variant), settings.about.get(variant, "")) for variant in present)
    print(f"published {lacked} runs that {store_uri()} lacked, of {len(present)} variants", file=sys.stderr)


def main() -> None:
    with tracking.errors_reported():
        publish_all()


if __name__ == "__main__":
    errors.run(main)
