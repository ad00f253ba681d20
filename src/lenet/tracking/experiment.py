"""A data set's experiment in the MLflow store: what its page says, and the view of it that compares the variants."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lenet.evaluation.metrics import TEST_ERROR, TEST_ERROR_INTERVAL
from lenet.tracking import descriptions
from lenet.training.trained_run import VALIDATION_ERROR

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PREFIX = "lenet5-"
# A view as MLflow's own "Share" saves it (3.17): which runs, in what order, with what columns. A version of
# MLflow that does not know it opens its default view instead.
_VIEW = "variants"
_METRICS = (TEST_ERROR, *TEST_ERROR_INTERVAL, VALIDATION_ERROR)
_PARAMETERS = ("activation", "optimizer", "learning_rate", "pooling", "epochs")


def find_or_create(client: "MlflowClient", dataset: str, artifacts: str | None) -> str:
    """Return the id of a data set's experiment, created or restored; `artifacts` is where a new one's go."""
    name, tags = _PREFIX + dataset, _tags(dataset)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client.create_experiment(name, artifact_location=artifacts and f"{artifacts}/{name}", tags=tags)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    for tag, value in tags.items():
        if experiment.tags.get(tag) != value:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return experiment.experiment_id


def pages(client: "MlflowClient") -> dict[str, str]:
    """Return for each experiment that is there, by name, the path of the page that compares its variants."""
    view = urlencode({"workflowType": "machine_learning", "viewStateShareKey": _VIEW})
    found = client.search_experiments(filter_string=f"name LIKE '{_PREFIX}%'", order_by=["name"])
    return {each.name: f"/#/experiments/{each.experiment_id}/runs?{view}" for each in found}


def _tags(dataset: str) -> dict[str, str]:
    return {
        "mlflow.note.content": descriptions.of_experiment(dataset),
        "mlflow.experimentKind": "custom_model_development",  # else MLflow takes it for one about language models
        f"mlflow.sharedViewState.{_VIEW}": json.dumps(_view()),
    }


def _view() -> dict[str, Any]:
    metrics = [f"metrics.`{name}`" for name in _METRICS]
    columns = metrics + [f"params.`{name}`" for name in _PARAMETERS]
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
