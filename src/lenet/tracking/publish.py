"""`python -m lenet.tracking.publish`: give the MLflow store all that the workspace holds and it lacks, nothing twice.

Reads reports/details/, and models/, predictions/ and the test set if they are there; in a fresh clone it publishes the
committed numbers, without models and pictures of misread digits. Publishing again takes a moment. At the end the
champion is registered. Into another store than mlflow.db, it says how many runs are in mlflow.db alone.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from lenet import errors
from lenet.errors import LabError
from lenet.evaluation import metrics
from lenet.evaluation.champion import ranked
from lenet.evaluation.metrics import METRICS, TEST_ERROR_INTERVAL
from lenet.evaluation.predictions import load_predictions
from lenet.evaluation.results import SeedResult, VariantResult, load_result
from lenet.mnist.splits import Split, load_split
from lenet.network import determinism
from lenet.report import figures
from lenet.runs.files import Run, find_run
from lenet.settings import Settings, load_settings
from lenet.tracking import descriptions, experiment, failures, left_behind
from lenet.tracking.client import redacted_uri, store_lock, undisturbed
from lenet.tracking.registry import BASELINE, CHAMPION, Registry
from lenet.tracking.run_finder import RunFinder
from lenet.tracking.run_log import RunLog, content_digest
from lenet.workspace import DETAILS

# Returns the probabilities of all seeds (seeds, n, 10) and the test digits, or None if they are not here.
Outputs = Callable[[], tuple[np.ndarray, Split] | None]


def publish_variant(variant: str) -> int:
    """Publish a variant's results from the files; return how many of its runs the store lacked.

    Raises LabError where the results are missing, TimeoutError where it takes too long, and what MLflow raises.
    """
    return _publish_result(load_result(variant), load_settings())


def _publish_result(result: VariantResult, settings: Settings) -> int:
    def publish() -> int:
        finder = RunFinder(experiment.of_study(result.dataset))
        with store_lock():
            finder.stop_abandoned()
            return _publish(finder, result, _description(result, settings))

    return failures.within_limit(lambda: undisturbed(publish))


def _description(result: VariantResult, settings: Settings) -> str:
    baseline = settings.comparison.ladder[0]
    its = settings.variant(baseline).model_dump()
    return descriptions.of_variant(result, settings.about.get(result.variant, ""), baseline, its)


def _publish(finder: RunFinder, result: VariantResult, description: str) -> int:
    outputs = cache(lambda: _outputs(result))  # read once, and only if a run lacks it
    parent, runs = finder.find_or_create_all(result.variant, [seed.identity for seed in result.seeds], description)
    lacked = sum(_publish_seed(run, result, index, outputs) for index, run in enumerate(runs))
    _publish_summary(parent, result)
    return lacked


def _publish_summary(parent: RunLog, result: VariantResult) -> None:
    """Publish a variant's headline metrics and the interval of its test error."""
    names = [each.name for each in METRICS if each.headline] + list(TEST_ERROR_INTERVAL)
    headline = {name: result.summary[name] for name in names if name in result.summary}
    headline |= {"parameters": result.parameters, "multiply_accumulates": result.multiply_accumulates}
    headline |= {"seeds": len(result.seeds)}
    content = content_digest(headline, [seed.confusion for seed in result.seeds])
    if not parent.is_published(content):
        # An interval of more seeds than there are now is not true any more.
        outdated = {name: math.nan for name in TEST_ERROR_INTERVAL if parent.has_metric(name)}
        parent.log_final(0, outdated | headline)  # step 0 alone: MLflow draws bars, not curves
        parent.mark_published(content)


def _outputs(result: VariantResult) -> tuple[np.ndarray, Split] | None:
    """Return the probabilities of all seeds and the test digits, if they are here and belong to these results."""
    try:
        probabilities, test = load_predictions(result.variant).probabilities, load_split("test")
    except LabError:
        return None
    if probabilities.shape[:2] != (len(result.seeds), len(test)):
        return None
    counts = [metrics.confusion(of_seed, test.labels).tolist() for of_seed in probabilities]
    return (probabilities, test) if counts == [seed.confusion for seed in result.seeds] else None


def _publish_seed(run: RunLog, result: VariantResult, index: int, outputs: Outputs) -> bool:
    """Publish what the store lacks of one run: numbers, figures, model; return whether it lacked any."""
    seed = result.seeds[index]
    title = f"{result.variant} seed {seed.identity.seed}"
    content = content_digest(seed.metrics, seed.confusion, seed.history)
    trained = find_run(result.variant, seed.identity)
    lacks_numbers = not run.is_published(content)
    lacks_model = trained is not None and run.model_id() is None
    if lacks_numbers:
        _publish_numbers(run, seed, title)
    if lacks_numbers or lacks_model:
        _publish_wrong_digits(run, title, index, outputs)
    if trained is not None and lacks_model:
        _publish_model(run, seed, trained)
    if lacks_numbers:
        run.mark_published(content)  # last, so that a publication that was cut off is done again
    return lacks_numbers or lacks_model


def _publish_numbers(run: RunLog, seed: SeedResult, title: str) -> None:
    run.log_history(seed.history)
    run.log_final(seed.epochs, seed.metrics)
    run.attach_json(seed.confusion, "confusion.json")
    run.attach_figure(figures.confusion({title: seed.confusion}), "confusion.png")


def _publish_wrong_digits(run: RunLog, title: str, index: int, outputs: Outputs) -> None:
    """Attach the most confidently wrong digits, if the predictions are here."""
    if found := outputs():
        probabilities, test = found
        run.attach_figure(figures.wrong_digits({title: probabilities[index]}, test), "wrong_digits.png")


def _publish_model(run: RunLog, seed: SeedResult, trained: Run) -> None:
    determinism.prepare()
    from lenet.network.model import load_model  # imports TensorFlow: only where there is a model to attach

    run.attach_model(load_model(trained.architecture, trained.weights), seed.epochs)
    run.model_id()  # of two that were attached at once, one stays


def publish_all() -> list[VariantResult]:
    """Publish every variant of params.yaml that has results here, register the champion; say what was lacking.

    Returns the results that were published.
    """
    settings = load_settings()
    results = list(_readable_results(settings))
    lacked = 0
    for result in results:
        if of_variant := _publish_result(result, settings):
            print(f"{result.variant}: published {of_variant} runs", file=sys.stderr)  # each model takes a second
            lacked += of_variant
    print(f"published {lacked} runs that {redacted_uri()} lacked, of {len(results)} variants", file=sys.stderr)
    failures.within_limit(lambda: undisturbed(lambda: _appoint(results, settings)))
    return results


def _readable_results(settings: Settings) -> Iterator[VariantResult]:
    """Yield the results that are here; warn of files that cannot be read, which hold up no other variant."""
    for variant in settings.variants:
        if (DETAILS / f"{variant}.json").is_file():
            try:
                yield load_result(variant)
            except LabError as error:
                print(f"warning: {variant} is not published: {error}", file=sys.stderr)


def _appoint(results: Sequence[VariantResult], settings: Settings) -> None:
    """Register the champion and the best run of the baseline variant, per data set."""
    for dataset, candidates in _candidates(results, settings).items():
        registry = Registry(dataset)
        for alias, of_alias in candidates.items():
            if news := registry.appoint(alias, of_alias, settings.about):
                print(news, file=sys.stderr)


def _candidates(results: Sequence[VariantResult], settings: Settings) -> dict[str, dict[str, list[VariantResult]]]:
    """Return the variants whose runs may become champion and baseline: data set → alias → results."""
    baseline = settings.comparison.ladder[0]
    candidates = {}
    for dataset in dict.fromkeys(result.dataset for result in results):
        of_dataset = [result for result in results if result.dataset == dataset]
        candidates[dataset] = {
            CHAMPION: of_dataset,
            BASELINE: [result for result in of_dataset if result.variant == baseline],
        }
    return candidates


def comparison_pages(results: Sequence[VariantResult]) -> dict[str, str]:
    """Return, by data set, the path of the page that compares the baseline with the variant of the best run.

    results: those that were published.
    """
    pages = {}
    for dataset, of_alias in _candidates(results, load_settings()).items():
        finder = RunFinder(experiment.of_study(dataset))
        best = [result for alias in (BASELINE, CHAMPION) for result, _ in ranked(of_alias[alias])[:1]]
        runs = [finder.find_parent(result.variant, result.seeds[0].identity) for result in best]
        if len(ids := {run.run_id: None for run in runs if run}) == 2:
            pages[dataset] = experiment.comparison_page(finder.experiment_id, list(ids))
    return pages


def main() -> None:
    with failures.as_errors():
        publish_all()
        if lacking := failures.within_limit(left_behind.describe):
            print(lacking, file=sys.stderr)


if __name__ == "__main__":
    errors.run(main)
