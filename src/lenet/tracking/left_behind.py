"""Runs of the project's own database that another store lacks and publishing cannot give it: no file here has them."""

from typing import TYPE_CHECKING

from lenet.errors import in_one_line, shortened
from lenet.tracking.client import open_client, open_own_database, redacted_uri
from lenet.tracking.run_creation import DIGEST_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MOST_RUNS = 50_000  # MLflow's own limit


def describe() -> str | None:
    """Say how many runs are in mlflow.db alone; None where there are none, or mlflow.db is the store itself."""
    there = open_client()
    try:
        in_own = _all_runs(open_own_database())
    except Exception as error:
        reason = shortened(in_one_line(error), 200)
        return f"mlflow.db cannot be read: it may have runs that {redacted_uri()} lacks: {reason}"
    lacking = sum(len(runs - _runs(there, experiment)) for experiment, runs in in_own.items())
    return f"runs in mlflow.db alone, without results here to publish: {lacking} (docs/scaling.md)" if lacking else None


def _all_runs(client: "MlflowClient | None") -> dict[str, set[str]]:
    """Return the runs of each experiment, by its name."""
    return {each.name: _runs(client, each.name) for each in client.search_experiments()} if client else {}


def _runs(client: "MlflowClient", experiment: str) -> set[str]:
    """Return what tells the runs of an experiment apart in any store."""
    if (found := client.get_experiment_by_name(experiment)) is None:
        return set()
    runs = client.search_runs([found.experiment_id], max_results=_MOST_RUNS)
    return {f"{run.data.tags.get('variant')} {run.data.tags.get(DIGEST_TAG, run.info.run_id)}" for run in runs}
