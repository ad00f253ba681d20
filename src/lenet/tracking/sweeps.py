"""Give the MLflow store a sweep: a run per recipe, and under it one per seed and fold, nothing twice."""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from lenet.evaluation.trials import ERROR, LOSS
from lenet.execution.training import Wanted
from lenet.runs import store
from lenet.runs.identity import RunIdentity
from lenet.tracking import failures
from lenet.tracking.client import store_lock, undisturbed
from lenet.tracking.experiment import Experiment
from lenet.tracking.run_finder import RunFinder
from lenet.tracking.run_log import RunLog, content_digest
from lenet.training.trained_run import VALIDATION_ERROR, VALIDATION_LOSS


def publish(experiment: Experiment, runs: Sequence[Wanted], table: pd.DataFrame) -> None:
    """Publish the recipes of a table, as evaluation.trials makes it, and their runs, which the run store has."""
    for recipe, row in table.iterrows():
        identities = [run.identity for run in runs if recipe in run.variants]
        publish_it = partial(_publish_recipe, experiment, str(recipe), identities, row)
        failures.within_limit(partial(undisturbed, publish_it))


def _publish_recipe(experiment: Experiment, recipe: str, identities: Sequence[RunIdentity], row: pd.Series) -> None:
    finder = RunFinder(experiment)
    with store_lock():
        finder.stop_abandoned()
        parent, logs = finder.find_or_create_all(recipe, identities, "")
        for log, identity in zip(logs, identities, strict=True):
            log.log_history(store.load_history(identity.digest))
        _publish_means(parent, row)


def _publish_means(parent: RunLog, row: pd.Series) -> None:
    metrics: dict[str, float] = {}
    for column, metric in ((ERROR, VALIDATION_ERROR), (LOSS, VALIDATION_LOSS)):
        metrics |= {metric: float(row[column]), f"{metric}_se": float(row[f"{column}_se"])}
    if not parent.is_published(content := content_digest(metrics)):
        parent.log_final(0, metrics)
        parent.mark_published(content)
