"""`python -m lenet.publish`: give the MLflow store everything the workspace holds that it lacks, and nothing twice.

Reads reports/details/, and models/, predictions/ and the test set where they are; in a fresh clone it publishes the
committed metrics alone. Publishing again takes a moment. When all is there, the champion is registered.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from lenet import errors
from lenet.errors import LabError
from lenet.evaluation import comparison, metrics
from lenet.evaluation.predictions import load_predictions
from lenet.evaluation.results import SeedResult, VariantResult, load_result
from lenet.execution import provenance
from lenet.mnist.splits import Split, load_split
from lenet.report import figures
from lenet.runs.files import Run, find_run
from lenet.settings import Settings, load_settings
from lenet.tracking import descriptions, live
from lenet.tracking.registry import BASELINE, CHAMPION, Registry
from lenet.tracking.store import UNKNOWN_MOMENT, Store, content_digest, shown_uri
from lenet.workspace import DETAILS

# What a variant's run shows of its summary: enough to choose by; the seeds' runs have the rest.
_SHOWN = (
    "test/error_percent",
    "test/loss",
    "test/calibration_error_percent",
    "validation/error_percent",
    "train/error_percent",
)
_INTERVAL = ("test/error_percent_low", "test/error_percent_high")

# The probabilities of all seeds (seeds, n, 10) and the test digits; None where they are not here.
Evaluated = Callable[[], tuple[np.ndarray, Split] | None]


def publish_variant(result: VariantResult, about: str) -> int:
    """Publish a variant's results, of which `about` is the description; return how many of its runs the store lacked.

    Raises what MLflow raises.
    """
    return _publish_variant(result, about, load_settings())


def _publish_variant(result: VariantResult, about: str, settings: Settings) -> int:
    store = Store(_dataset(result))
    baseline = settings.comparison.ladder[0]
    description = descriptions.of_variant(
        about,
        result.seeds[0].identity.settings,
        len(result.seeds),
        baseline,
        settings.variant(baseline).model_dump(),
    )
    with store.locked():
        return _publish_under_lock(store, result, description)


def _dataset(result: VariantResult) -> str:
    return result.seeds[0].identity.data.dataset


def _publish_under_lock(store: Store, result: VariantResult, description: str) -> int:
    notes = [provenance.load_notes(seed.identity.digest) for seed in result.seeds]
    starts = [note["started_ms"] if note else provenance.now_ms() for note in notes]
    ends = [note["started_ms"] + round(1000 * note["duration_s"]) if note else None for note in notes]
    tags = [note["tags"] if note else UNKNOWN_MOMENT for note in notes]
    parent = store.open_parent(result.seeds[0].identity, description, min(starts), tags[0])
    evaluated = cache(lambda: _evaluated(result))  # read once, and only if something lacks it
    lacked = 0
    for index, (seed, start_ms) in enumerate(zip(result.seeds, starts, strict=True)):
        run_id = store.open_run(seed.identity, parent, start_ms, tags[index])
        lacked += _publish_seed(store, run_id, result, index, evaluated)
        store.close(run_id, end_ms=ends[index])
    _publish_summary(store, parent, result, evaluated)
    store.close(parent, end_ms=None if None in ends else max(ends))
    return lacked


def _publish_summary(store: Store, parent: str, result: VariantResult, evaluated: Evaluated) -> None:
    """Publish a variant's few numbers, its interval too as soon as it can be had."""
    few = {name: result.summary[name] for name in _SHOWN if name in result.summary}
    few |= {"parameters": result.parameters, "multiply_accumulates": result.multiply_accumulates}
    few |= {"seeds": len(result.seeds)}
    content = content_digest(few, [seed.confusion for seed in result.seeds])
    if not store.lacks(parent, content):
        return
    interval = _interval(result, evaluated)
    # An interval of fewer seeds, which cannot be renewed now, no longer holds.
    outdated = {name: math.nan for name in _INTERVAL if store.has_metric(parent, name)}
    store.log_final(parent, 0, few | outdated | interval)  # no step of a training: MLflow draws bars, not curves
    if interval or len(result.seeds) == 1:
        store.mark_published(parent, content)


def _interval(result: VariantResult, evaluated: Evaluated) -> Mapping[str, float]:
    """Return the ends of the test error's interval; nothing of a single seed or without the predictions."""
    if len(result.seeds) == 1 or not (found := evaluated()):
        return {}
    probabilities, test = found
    estimate = comparison.compare({result.variant: probabilities.argmax(axis=2) != test.labels}, []).errors[
        result.variant
    ]
    return dict(zip(_INTERVAL, (round(estimate.low, 6), round(estimate.high, 6)), strict=True))


def _evaluated(result: VariantResult) -> tuple[np.ndarray, Split] | None:
    """Return the probabilities of all seeds and the test digits, where they are here and are these results'."""
    try:
        probabilities, test = load_predictions(result.variant).probabilities, load_split("test")
    except LabError:
        return None
    if probabilities.shape[:2] != (len(result.seeds), len(test)):
        return None
    counts = [metrics.confusion(of_seed, test.labels).tolist() for of_seed in probabilities]
    return (probabilities, test) if counts == [seed.confusion for seed in result.seeds] else None


def _publish_seed(store: Store, run_id: str, result: VariantResult, index: int, evaluated: Evaluated) -> bool:
    """Publish what the store lacks of one run: numbers, pictures, model; return whether it lacked any."""
    seed = result.seeds[index]
    content = content_digest(seed.metrics, seed.confusion, seed.history)
    trained = find_run(seed.identity)
    lacks_numbers = store.lacks(run_id, content)
    lacks_model = trained is not None and store.lacks_model(run_id)
    if lacks_numbers:
        _publish_numbers(store, run_id, seed)
    if lacks_numbers or lacks_model:
        _publish_wrong_digits(store, run_id, seed, index, evaluated)
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


def _publish_wrong_digits(store: Store, run_id: str, seed: SeedResult, index: int, evaluated: Evaluated) -> None:
    """Attach the most confidently wrong digits, where the predictions are here."""
    if found := evaluated():
        probabilities, test = found
        figure = figures.wrong_digits({_title(seed): probabilities[index]}, test)
        store.log_figure(run_id, figure, "wrong_digits.png")


def _publish_model(store: Store, run_id: str, trained: Run) -> None:
    from lenet.network import determinism

    determinism.prepare()
    from lenet.network.model import load_model  # imports TensorFlow: only where there is a model to attach

    model = load_model(trained.architecture, trained.weights)
    store.log_model(run_id, model, trained.identity.settings["epochs"])


def _title(seed: SeedResult) -> str:
    return f"{seed.identity.variant} seed {seed.identity.seed}"


def publish_all() -> None:
    """Publish every variant of params.yaml that has results here, say how much was lacking, register the champion."""
    settings = load_settings()
    results = [load_result(variant) for variant in settings.variants if (DETAILS / f"{variant}.json").is_file()]
    lacked = sum(_publish_variant(each, settings.about.get(each.variant, ""), settings) for each in results)
    print(f"published {lacked} runs that {shown_uri()} lacked, of {len(results)} variants", file=sys.stderr)
    _appoint(results, settings)


def _appoint(results: Sequence[VariantResult], settings: Settings) -> None:
    """Register the best model as champion and the best of the ladder's first variant as baseline, per data set."""
    for dataset in dict.fromkeys(map(_dataset, results)):
        registry = Registry(Store(dataset))
        on_it = [result for result in results if _dataset(result) == dataset]
        first = [result for result in on_it if result.variant == settings.comparison.ladder[0]]
        for alias, candidates in ((CHAMPION, on_it), (BASELINE, first)):
            if news := registry.appoint(alias, candidates, settings.about):
                print(news, file=sys.stderr)


def main() -> None:
    with live.errors_reported():
        publish_all()


if __name__ == "__main__":
    errors.run(main)
