"""`python -m lenet.tracking.publish`: publish all results that the MLflow store does not have yet.

A run is published in two steps: after its training, with its curves and its model, and after the evaluation of its
variant, with its test metrics and the variant's means. All numbers are in reports/details/, so even a fresh clone can
publish them. Models and misread images are published only if models/, predictions/ and the test set exist. If the
MLflow store has everything already, publishing takes a moment.
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
from lenet.errors import LabError, counted
from lenet.evaluation.champion import ranked_runs
from lenet.evaluation.results import VariantResult, load_result
from lenet.execution.schedule import PlannedRun
from lenet.runs.provenance import busy_time_s
from lenet.settings import Settings, load_settings
from lenet.tracking import artifacts, contents, mlflow_store, pages, registry, run_inputs
from lenet.tracking.contents import FinishedRun, Means
from lenet.tracking.mlflow_run import MlflowRun
from lenet.tracking.pages import Experiment
from lenet.tracking.runs import ExperimentRuns
from lenet.workspace import DETAILS

T = TypeVar("T")

_ATTEMPTS = 4
# The parts of an MLflow run that are published separately.
_CURVES, _TEST, _MISTAKES, _MEANS = "curves", "test", "mistakes", "means"


def publish_run(experiment: Experiment, run: PlannedRun, with_model: bool = True) -> None:
    """Publish a run from the run store. If several variants share the run, publish it once under each variant.

    Raises MLflow's exceptions.
    """
    finished_run = contents.from_run_store(run.identity, with_model)
    for variant in run.variants:
        _publish(experiment, variant, [finished_run])


def publish_sweep(experiment: Experiment, runs: Sequence[PlannedRun], table: pd.DataFrame) -> None:
    """Publish the recipes of a sweep and the runs of each recipe.

    runs: the runs of all recipes; the run store must have these runs. table: what `evaluation.trials.table` returns.
    """
    for recipe, row in table.iterrows():
        finished_runs = [
            contents.from_run_store(run.identity, with_model=False) for run in runs if recipe in run.variants
        ]
        _publish(experiment, str(recipe), finished_runs, contents.recipe_means(row))


def publish_variant(variant: str) -> int:
    """Publish a variant's results, read from the files. Return how many of its runs were created or updated in MLflow.

    Raises LabError if the results are missing, TimeoutError if publishing takes too long, and MLflow's exceptions.
    """
    return _publish_result(load_result(variant), load_settings())


def publish_all() -> list[VariantResult]:
    """Publish every variant of params.yaml that has results. Register the champion and the baseline.

    Returns the published results.
    """
    results = publish_variants(list(load_settings().variants))
    with mlflow_store.lock():
        _retry_on_conflict(partial(registry.assign_aliases, results, load_settings()))
    return results


def publish_variants(variants: Sequence[str]) -> list[VariantResult]:
    """Publish the results of the variants and return these results. Print how many runs were created or updated.

    Variants without results are skipped.
    """
    gc.freeze()  # else the garbage collector scans MLflow's modules repeatedly, for a sixth of the time
    settings = load_settings()
    results = list(_readable_results(variants))
    counts = {result.variant: _publish_result(result, settings) for result in results}
    if updated := [variant for variant, count in counts.items() if count]:
        runs, of = counted(sum(counts.values()), "run"), updated[0] if len(updated) == 1 else f"{len(updated)} variants"
        print(f"published {runs} of {of} to {mlflow_store.redacted_uri()}", file=sys.stderr)
    return results


def comparison_paths(results: Sequence[VariantResult]) -> dict[str, str]:
    """Return the paths of MLflow's pages that compare two variants: title → path.

    The first page shows the two variants of the primary comparison, the second page the baseline and the best variant.
    A page is left out if one of its two variants is not among `results`. The results must have been published.
    """
    comparison, by_name = load_settings().comparison, {result.variant: result for result in results}
    best = [result.variant for result, _ in ranked_runs(results)[:1]]
    pairs = [list(reversed(comparison.primary)), [comparison.baseline, *best]]
    paths = {}
    for pair in pairs:
        if len(set(pair)) == 2 and by_name.keys() >= set(pair):
            mlflow_runs = ExperimentRuns(pages.study_experiment(by_name[pair[0]].dataset))
            pair_runs = [mlflow_runs.find(name, by_name[name].seeds[0].identity.family) for name in pair]
            ids = [mlflow_run.id for mlflow_run in pair_runs if mlflow_run]
            paths[" and ".join(pair)] = pages.comparison_path(mlflow_runs.experiment_id, ids)
    return paths


def _readable_results(variants: Sequence[str]) -> Iterator[VariantResult]:
    """Yield the results of each variant that has a file of results.

    If a file cannot be read, print a warning and skip the variant.
    """
    for variant in variants:
        if (DETAILS / f"{variant}.json").is_file():
            try:
                yield load_result(variant)
            except LabError as error:
                print(f"warning: {variant} is not published: {error}", file=sys.stderr)


def _publish_result(result: VariantResult, settings: Settings) -> int:
    baseline, about = settings.comparison.baseline, settings.about.get(result.variant, "")
    description = pages.describe_variant(result, about, baseline, settings.variant(baseline).model_dump())
    means = contents.variant_means(result, description)
    return _publish(pages.study_experiment(result.dataset), result.variant, contents.evaluated_runs(result), means)


def _publish(
    experiment: Experiment, variant: str, finished_runs: Sequence[FinishedRun], means: Means | None = None
) -> int:
    """Publish a variant's runs, and the means if given. Return how many runs were created or updated in MLflow."""
    deadline = time.monotonic() + mlflow_store.PUBLISH_LIMIT_S
    with mlflow_store.lock():
        return _retry_on_conflict(partial(_publish_once, experiment, variant, finished_runs, means, deadline))


def _retry_on_conflict(work: Callable[[], T]) -> T:
    """Call the function `work` and return its result. Repeat the call if the MLflow store reports a conflict.

    A conflict occurs if another publisher writes the same MLflow run, tag or data set at the same moment.
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
    experiment: Experiment, variant: str, finished_runs: Sequence[FinishedRun], means: Means | None, deadline: float
) -> int:
    mlflow_runs = ExperimentRuns(experiment)
    parent = _find_or_create_parent(mlflow_runs, variant, finished_runs, means)
    updated = 0
    for run in finished_runs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"publishing a variant took longer than {mlflow_store.PUBLISH_LIMIT_S:g} s")
        mlflow_run = mlflow_runs.find_or_create_seed(variant, run.identity, parent, run.provenance)
        updated += _publish_seed(mlflow_run, run, variant)
    if means:
        _publish_means(parent, means, finished_runs)
    return updated


def _find_or_create_parent(
    mlflow_runs: ExperimentRuns, variant: str, finished_runs: Sequence[FinishedRun], means: Means | None
) -> MlflowRun:
    """Return the MLflow run of a variant. Create the MLflow run if it is missing.

    If the MLflow run shows outdated means, replace it by a new MLflow run and return the new one.
    """
    provenances = [run.provenance for run in finished_runs if run.provenance]
    earliest = min(provenances, key=lambda provenance: provenance.started_ms, default=None)
    parent = mlflow_runs.find_or_create_variant(variant, finished_runs[0].identity, earliest)
    if means and parent.metrics and parent.needs_update(_MEANS, means.digest):
        return mlflow_runs.replace_variant(parent, variant, finished_runs[0].identity)
    return parent


def _publish_means(parent: MlflowRun, means: Means, finished_runs: Sequence[FinishedRun]) -> None:
    parent.describe(means.description)
    if parent.needs_update(_MEANS, means.digest):
        parent.write({}, means.curves, means.final, {_MEANS: means.digest}, means.tags)
        provenances = [run.provenance for run in finished_runs if run.provenance]
        if len(provenances) == len(finished_runs):
            parent.end(busy_time_s(provenances))


def _publish_seed(mlflow_run: MlflowRun, run: FinishedRun, variant: str) -> bool:
    """Publish the metrics, HTML pages and model that a seed's MLflow run lacks. Return whether anything was missing."""
    missing_parts = _missing_parts(mlflow_run, run)
    result = run.result if _TEST in missing_parts else None
    if result:
        mlflow_run.attach(
            artifacts.confusion_page(contents.page_title(variant, result), result.confusion), "confusion.html"
        )
    if _MISTAKES in missing_parts:
        if page := run.mistakes_page():
            mlflow_run.attach(page, "mistakes.html")
        else:
            del missing_parts[_MISTAKES]
    if missing_parts:
        curves = contents.curve_points(run.history) if _CURVES in missing_parts else []
        final = contents.final_points(result.metrics) if result else []
        mlflow_run.write(run_inputs.seed_parameters(variant, run.identity), curves, final, missing_parts)
    if run.model_folder is None or mlflow_run.find_model(artifacts.NETWORK):
        return bool(missing_parts)
    write_model = partial(artifacts.keras_model, run.model_folder, versions=run.identity.versions)
    mlflow_run.attach_model(artifacts.NETWORK, write_model)
    return True


def _missing_parts(mlflow_run: MlflowRun, run: FinishedRun) -> dict[str, str]:
    """Return the parts that the MLflow run lacks or that have changed: part → digest of its content.

    The model is not among these parts.
    """
    parts = {_CURVES: contents.digest(run.history)}
    if run.result:
        test_digest = contents.digest(run.result.metrics, run.result.confusion)
        parts |= {_TEST: test_digest, _MISTAKES: test_digest}
    lost_parts = (_TEST, _MISTAKES) if mlflow_run.has_lost_artifacts() else ()
    return {
        part: digest for part, digest in parts.items() if mlflow_run.needs_update(part, digest) or part in lost_parts
    }


def main() -> None:
    with mlflow_store.failures_as_errors():
        publish_all()


if __name__ == "__main__":
    program.run(main)
