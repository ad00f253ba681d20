"""`python -m lenet.tracking.publish`: publish to MLflow what the files have and the store lacks.

A run is published when the run store has it, and again when its variant is evaluated: then with test metrics, and with
the means on the run of the variant. In a fresh clone reports/details/ has all numbers; models and misread digits are
published where models/, predictions/ and the test set are here. Publishing again takes a moment.
"""

import gc
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import pandas as pd
from mlflow.exceptions import MlflowException

from lenet import program
from lenet.errors import LabError
from lenet.evaluation.champion import ranked
from lenet.evaluation.results import VariantResult, load_result
from lenet.execution.schedule import PlannedRun
from lenet.runs.provenance import busy_s
from lenet.settings import Settings, load_settings
from lenet.tracking import artifacts, contents, mlflow_store, pages, registry, run_inputs
from lenet.tracking.contents import FinishedRun, Means
from lenet.tracking.mlflow_run import MlflowRun
from lenet.tracking.pages import Experiment
from lenet.tracking.runs import Runs
from lenet.workspace import DETAILS

T = TypeVar("T")

_ATTEMPTS = 4
# The parts of a run.
_CURVES, _TEST, _MISTAKES, _MEANS = "curves", "test", "mistakes", "means"


def publish_run(experiment: Experiment, run: PlannedRun, with_model: bool = True) -> None:
    """Publish a run that the run store has, under each variant that has it; raise what MLflow raises."""
    finished = contents.from_run_store(run.identity, with_model)
    for variant in run.variants:
        _publish(experiment, variant, [finished])


def publish_sweep(experiment: Experiment, runs: Sequence[PlannedRun], table: pd.DataFrame) -> None:
    """Publish the recipes of a table, as evaluation.trials makes it, and their runs, which the run store has."""
    for recipe, row in table.iterrows():
        finished = [contents.from_run_store(run.identity, with_model=False) for run in runs if recipe in run.variants]
        _publish(experiment, str(recipe), finished, contents.means_of_recipe(row))


def publish_variant(variant: str) -> int:
    """Publish a variant's results from the files; return how many of its runs were created or completed.

    Raises LabError where the results are missing, TimeoutError where it takes too long, and what MLflow raises.
    """
    return _publish_result(load_result(variant), load_settings())


def publish_all() -> list[VariantResult]:
    """Publish every variant of params.yaml that has results here, and appoint champion and baseline.

    Returns the results that were published.
    """
    results = publish_variants(list(load_settings().variants))
    with mlflow_store.lock():
        _repeated_on_conflict(partial(registry.assign_aliases, results, load_settings()))
    return results


def publish_variants(variants: Sequence[str]) -> list[VariantResult]:
    """Publish those of the variants that have results here; say what was lacking, and return the results."""
    gc.freeze()  # else the collector looks again and again at what MLflow has imported: a sixth of the time
    settings = load_settings()
    results = list(_readable_results(variants))
    for result in results:
        if lacked := _publish_result(result, settings):
            print(f"{result.variant}: published {lacked} runs to {mlflow_store.redacted_uri()}", file=sys.stderr)
    return results


def comparison_pages(results: Sequence[VariantResult]) -> dict[str, str]:
    """Return pages that compare two variants, title → path: the primary contrast, then the baseline and the best.

    results: those that were published. Pages of variants that are not among them are left out.
    """
    comparison, by_name = load_settings().comparison, {result.variant: result for result in results}
    best = [result.variant for result, _ in ranked(results)[:1]]
    pairs = [list(reversed(comparison.primary)), [comparison.ladder[0], *best]]
    found = {}
    for pair in pairs:
        if len(set(pair)) == 2 and by_name.keys() >= set(pair):
            runs = Runs(pages.study_experiment(by_name[pair[0]].dataset))
            stored = [runs.find(name, by_name[name].seeds[0].identity.family) for name in pair]
            ids = [run.id for run in stored if run]
            found[" and ".join(pair)] = pages.comparison_page(runs.experiment_id, ids)
    return found


def _readable_results(variants: Sequence[str]) -> Iterator[VariantResult]:
    """Yield the results that are here; warn of files that cannot be read, which hold up no other variant."""
    for variant in variants:
        if (DETAILS / f"{variant}.json").is_file():
            try:
                yield load_result(variant)
            except LabError as error:
                print(f"warning: {variant} is not published: {error}", file=sys.stderr)


def _publish_result(result: VariantResult, settings: Settings) -> int:
    baseline, about = settings.comparison.ladder[0], settings.about.get(result.variant, "")
    description = pages.describe_variant(result, about, baseline, settings.variant(baseline).model_dump())
    means = contents.means_of_result(result, description)
    return _publish(pages.study_experiment(result.dataset), result.variant, contents.evaluated_runs(result), means)


def _publish(experiment: Experiment, variant: str, finished: Sequence[FinishedRun], means: Means | None = None) -> int:
    """Publish runs of a variant, and the means over them; return how many were created or completed."""
    deadline = time.monotonic() + mlflow_store.LIMIT_S
    with mlflow_store.lock():
        return _repeated_on_conflict(partial(_publish_once, experiment, variant, finished, means, deadline))


def _repeated_on_conflict(work: Callable[[], T]) -> T:
    """Return what `work` returns; repeat it where the store reports a conflict.

    Another publisher may write the same run, tag or data set at the same moment.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except MlflowException as error:
            if error.get_http_status_code() >= 500:
                raise
            time.sleep(random.random())
    return work()


def _publish_once(
    experiment: Experiment, variant: str, finished: Sequence[FinishedRun], means: Means | None, deadline: float
) -> int:
    runs = Runs(experiment)
    parent = _parent(runs, variant, finished, means)
    lacked = 0
    for run in finished:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not finished within {mlflow_store.LIMIT_S:g} s")
        stored = runs.find_or_create_seed(variant, run.identity, parent, run.provenance)
        lacked += _publish_seed(stored, run, variant)
    if means:
        _publish_means(parent, means, finished)
    return lacked


def _parent(runs: Runs, variant: str, finished: Sequence[FinishedRun], means: Means | None) -> MlflowRun:
    """Return the run of a variant; a new one where the means of other seeds are on the old one."""
    provenances = [run.provenance for run in finished if run.provenance]
    earliest = min(provenances, key=lambda provenance: provenance.started_ms, default=None)
    parent = runs.find_or_create_variant(variant, finished[0].identity, earliest)
    if means and parent.metrics and parent.lacks(_MEANS, means.digest):
        return runs.replace_variant(parent, variant, finished[0].identity)
    return parent


def _publish_means(parent: MlflowRun, means: Means, finished: Sequence[FinishedRun]) -> None:
    parent.describe(means.description)
    if parent.lacks(_MEANS, means.digest):
        parent.write({}, means.curves, means.final, {_MEANS: means.digest}, means.tags)
        provenances = [run.provenance for run in finished if run.provenance]
        if len(provenances) == len(finished):
            parent.end(busy_s(provenances))


def _publish_seed(stored: MlflowRun, run: FinishedRun, variant: str) -> bool:
    """Publish what the store lacks of one run: numbers, pages, model; return whether it lacked any."""
    lacking = _lacking_parts(stored, run)
    result = run.result if _TEST in lacking else None
    if result:
        stored.attach(artifacts.confusion_page(contents.title(variant, result), result.confusion), "confusion.html")
    if _MISTAKES in lacking:
        if page := run.mistakes():
            stored.attach(page, "mistakes.html")
        else:
            del lacking[_MISTAKES]
    if lacking:
        curves = contents.curves(run.history) if _CURVES in lacking else []
        final = contents.final(result.metrics) if result else []
        stored.write(run_inputs.seed_parameters(variant, run.identity), curves, final, lacking)
    if run.model is None or stored.find_model(artifacts.NETWORK):
        return bool(lacking)
    write = partial(artifacts.keras_model, run.model, versions=run.identity.versions)
    stored.attach_model(artifacts.NETWORK, write)
    return True


def _lacking_parts(stored: MlflowRun, run: FinishedRun) -> dict[str, str]:
    """Return the parts of a run, except for its model, that the store lacks: part → digest of its content."""
    parts = {_CURVES: contents.digest(run.history)}
    if run.result:
        tested = contents.digest(run.result.metrics, run.result.confusion)
        parts |= {_TEST: tested, _MISTAKES: tested}
    with_files = (_TEST, _MISTAKES) if stored.has_lost_its_artifacts() else ()
    return {part: content for part, content in parts.items() if stored.lacks(part, content) or part in with_files}


def main() -> None:
    with mlflow_store.failures_as_errors():
        publish_all()


if __name__ == "__main__":
    program.run(main)
