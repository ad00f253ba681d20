"""`python -m lenet.publish`: give the MLflow store everything the workspace holds that it lacks, and nothing twice.

Reads reports/details/, and models/, predictions/ and the test set where they are; in a fresh clone it publishes the
committed metrics alone. Publishing again takes a moment.
"""

import sys

from lenet import errors, figures, metrics, moment, tracking
from lenet.config import load_settings
from lenet.data import load_split
from lenet.errors import LabError
from lenet.predictions import load_predictions
from lenet.results import SeedResult, VariantResult, load_result
from lenet.runs import Run, find_run
from lenet.store import UNKNOWN_MOMENT, Store, content_digest, shown_uri
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
    starts = [note["started_ms"] if note else moment.now_ms() for note in notes]
    tags = [note["tags"] if note else UNKNOWN_MOMENT for note in notes]
    parent = store.open_parent(result.seeds[0].identity, description, min(starts), tags[0])
    lacked = 0
    for index, (seed, note, start_ms) in enumerate(zip(result.seeds, notes, starts, strict=True)):
        run_id = store.open_run(seed.identity, parent, start_ms, tags[index])
        lacked += _publish_seed(store, run_id, result, index)
        store.close(run_id, end_ms=start_ms + round(1000 * note["duration_s"]) if note else None)
    cost = {"parameters": result.parameters, "multiply_accumulates": result.multiply_accumulates}
    store.log_final(parent, result.epochs, {**result.summary, **cost, "seeds": len(result.seeds)})
    store.close(parent)
    return lacked


def _publish_seed(store: Store, run_id: str, result: VariantResult, index: int) -> bool:
    """Publish what the store lacks of one run: numbers, pictures, model; return whether it lacked any."""
    seed = result.seeds[index]
    content = content_digest(seed.metrics, seed.confusion, seed.history)
    trained = find_run(seed.identity)
    lacks_numbers = store.lacks(run_id, content)
    lacks_model = trained is not None and store.lacks_model(run_id)
    if lacks_numbers:
        _publish_numbers(store, run_id, seed)
    if lacks_numbers or lacks_model:
        _publish_wrong_digits(store, run_id, result, index)
    if lacks_model:
        _publish_model(store, run_id, trained)
    if lacks_numbers:
        store.mark_published(run_id, content)  # last, so that what was cut off is done again
    return lacks_numbers or lacks_model


def _publish_numbers(store: Store, run_id: str, seed: SeedResult) -> None:
    epochs = range(1, seed.identity.settings["epochs"] + 1)
    rows = ({name: values[epoch - 1] for name, values in seed.history.items()} for epoch in epochs)
    store.log_epochs(run_id, dict(zip(epochs, rows, strict=True)))
    store.log_final(run_id, epochs[-1], seed.metrics)
    store.log_json(run_id, seed.confusion, "confusion.json")
    store.log_figure(run_id, figures.confusion({_title(seed): seed.confusion}), "confusion.png")


def _publish_wrong_digits(store: Store, run_id: str, result: VariantResult, index: int) -> None:
    """Attach the most confidently wrong digits, where the predictions are here and are these results'."""
    seed = result.seeds[index]
    try:
        probabilities, test = load_predictions(result.variant).probabilities[index], load_split("test")
    except (LabError, IndexError):
        return
    theirs = len(probabilities) == len(test) and metrics.confusion(probabilities, test.labels).tolist()
    if theirs == seed.confusion:
        store.log_figure(run_id, figures.wrong_digits({_title(seed): probabilities}, test), "wrong_digits.png")


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
    print(f"published {lacked} runs that {shown_uri()} lacked, of {len(present)} variants", file=sys.stderr)


def main() -> None:
    with tracking.errors_reported():
        publish_all()


if __name__ == "__main__":
    errors.run(main)
