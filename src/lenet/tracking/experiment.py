"""Experiments in the MLflow store: what their pages say, and the view that compares their variants."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lenet.evaluation.metrics import TEST_ERROR, TEST_ERROR_INTERVAL
from lenet.tracking import descriptions
from lenet.tracking.client import create_once
from lenet.training.trained_run import VALIDATION_ERROR, VALIDATION_LOSS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment as MlflowExperiment

_PREFIX = "lenet5-"
# A view as MLflow's own "Share" saves it (3.17): which runs, in what order, with what columns. A version of
# MLflow that does not know it opens its default view instead.
_VIEW = "variants"
# What MLflow shows beside a page: its menu for training, not that for language models.
_WORKFLOW = {"workflowType": "machine_learning"}


@dataclass(frozen=True)
class Experiment:
    """An experiment by its name, what its page says, and which metrics and parameters its view has as columns."""

    name: str
    description: str
    metrics: Sequence[str]
    parameters: Sequence[str]


def of_study(dataset: str) -> Experiment:
    """Return a data set's own experiment, that of params.yaml's variants."""
    return Experiment(
        _PREFIX + dataset,
        descriptions.of_experiment(dataset),
        (TEST_ERROR, *TEST_ERROR_INTERVAL, VALIDATION_ERROR),
        ("activation", "optimizer", "learning_rate", "pooling", "epochs"),
    )


def of_sweep(name: str, about: str, dataset: str, settings: Sequence[str]) -> Experiment:
    """Return the experiment of a sweep over these settings."""
    return Experiment(
        f"{_PREFIX}{dataset}-sweep-{name}",
        descriptions.of_sweep(about, dataset),
        (VALIDATION_LOSS, VALIDATION_ERROR),
        settings,
    )


def find_or_create(client: "MlflowClient", experiment: Experiment, artifacts: str | None) -> str:
    """Return the id of an experiment, created or restored; `artifacts` is where a new one's go."""
    name, tags = experiment.name, _tags(experiment)

    def find() -> "MlflowExperiment | None":
        return client.get_experiment_by_name(name)

    def create() -> "MlflowExperiment":
        place = artifacts and f"{artifacts}/{name}"
        return client.get_experiment(client.create_experiment(name, artifact_location=place, tags=tags))

    found = find() or create_once(create, find)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for tag, value in tags.items():
        if found.tags.get(tag) != value:
            client.set_experiment_tag(found.experiment_id, tag, value)
    return found.experiment_id


def pages(client: "MlflowClient") -> dict[str, str]:
    """Return for each experiment that is there, by name, the path of the page that compares its variants."""
    view = urlencode({**_WORKFLOW, "viewStateShareKey": _VIEW})
    found = client.search_experiments(filter_string=f"name LIKE '{_PREFIX}%'", order_by=["name"])
    return {each.name: f"/#/experiments/{each.experiment_id}/runs?{view}" for each in found}


def comparison_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Return the path of the page that compares some runs of an experiment."""
    compared = urlencode({"runs": json.dumps(run_ids), "experiments": json.dumps([experiment_id]), **_WORKFLOW})
    return f"/#/compare-runs?{compared}"


def _tags(experiment: Experiment) -> dict[str, str]:
    return {
        "mlflow.note.content": experiment.description,
        "mlflow.experimentKind": "custom_model_development",  # else MLflow takes it for one about language models
        f"mlflow.sharedViewState.{_VIEW}": json.dumps(_view(experiment)),
    }


def _view(experiment: Experiment) -> dict[str, Any]:
    metrics = [f"metrics.`{name}`" for name in experiment.metrics]
    columns = metrics + [f"params.`{name}`" for name in experiment.parameters]
    return {
        "searchFilter": "tags.kind = 'variant'",
        "orderByKey": metrics[0],
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(metrics, 180),
    }
