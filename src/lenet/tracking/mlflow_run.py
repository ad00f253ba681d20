"""One MLflow run: its metrics, tags, files and models. Publishing the same content again changes nothing."""

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Param, Run, RunTag
from mlflow.models import Model
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from lenet.runs.identity import RunIdentity, Setting
from lenet.runs.provenance import Provenance, now_ms
from lenet.tracking import mlflow_store, pages, run_inputs
from lenet.tracking.pages import NOTE_TAG

PUBLISHED_TAG = "published"  # JSON: part of the MLflow run → digest of its published content
REPUBLISHED_TAG = "republished"  # marks an MLflow run for which it is unknown when and where the run was trained
_MAX_METRICS_PER_REQUEST = 800  # MLflow's limit for one request is 1,000 metrics, parameters and tags together
_LONGEST_UPLOAD_MS = 600_000

# Gets a model with its MLflow ids; returns a context manager that yields a temporary folder with the written model.
ModelWriter = Callable[[Model], AbstractContextManager[Path]]


class Point(NamedTuple):
    """The value of a metric at a step."""

    metric: str
    value: float
    step: int


class MlflowRun:
    """An MLflow run, as it was read from the MLflow store. Later changes do not update `tags` and `metrics`."""

    def __init__(self, client: MlflowClient, run: Run) -> None:
        self.id, self.name, self.start_ms = run.info.run_id, run.info.run_name, run.info.start_time
        self.tags, self.metrics = run.data.tags, run.data.metrics
        self._client, self._run = client, run
        self._published: dict[str, str] = json.loads(self.tags.get(PUBLISHED_TAG, "{}"))

    @property
    def has_parameters(self) -> bool:
        return bool(self._run.data.params)

    def needs_update(self, part: str, digest: str) -> bool:
        """Return whether a part must be published, because it is missing or was published with another digest."""
        return self._published.get(part) != digest

    def has_lost_artifacts(self) -> bool:
        """Return whether the folder of the run's artifacts is missing; see `_is_missing`."""
        return _is_missing(self._run.info.artifact_uri)

    def complete(self, identity: RunIdentity, provenance: Provenance | None) -> None:
        """Add the end time, the data sets and the provenance, if they are missing."""
        if self._run.info.status != "FINISHED":
            self.end(provenance.duration_s if provenance else 0)
        if not (self._run.inputs and self._run.inputs.dataset_inputs):
            self._client.log_inputs(self.id, datasets=run_inputs.dataset_inputs(identity))
        if provenance and REPUBLISHED_TAG in self.tags:
            self._client.delete_tag(self.id, REPUBLISHED_TAG)
            for name, value in run_inputs.provenance_tags(provenance).items():
                self._client.set_tag(self.id, name, value)

    def write(
        self,
        parameters: Mapping[str, Setting],
        curves: Iterable[Point] = (),
        final: Iterable[Point] = (),
        parts: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        """Log metrics and tags. If the MLflow run has no parameters yet, log the parameters too.

        curves: points of the learning curves. final: points measured after training. parts: part of the MLflow
        run → digest of the part's content. These parts are recorded as published.

        The timestamp of a point is the run's start plus one millisecond per step. Therefore logging the same point
        again adds nothing. If a final value has changed, its timestamp is the current time instead, so that MLflow
        shows the new value.
        """
        points = [_metric(point, self.start_ms + point.step) for point in curves]
        for point in final:
            if point.metric not in self.metrics:
                points.append(_metric(point, self.start_ms + point.step))
            elif not _is_same(self.metrics[point.metric], point.value):
                points.append(_metric(point, now_ms()))
        params = [Param(name, str(value)) for name, value in parameters.items() if not self.has_parameters]
        self._published |= parts
        published_tag = {PUBLISHED_TAG: json.dumps(self._published)} if parts else {}
        all_tags = [RunTag(name, value) for name, value in {**tags, **published_tag}.items()]
        if len(points) > _MAX_METRICS_PER_REQUEST:  # send them first: the tag that records them must arrive last
            self._client.log_batch(self.id, points)
            points = []
        self._client.log_batch(self.id, points, params, all_tags)

    def attach(self, text: str, name: str) -> None:
        """Attach a text as the file `name`. Replace an earlier file of the same name."""
        with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
            (Path(folder) / name).write_text(text, encoding="utf-8")
            # `client.log_text` does the same, but first requests the MLflow run again.
            get_artifact_repository(self._run.info.artifact_uri).log_artifacts(folder)

    def describe(self, description: str) -> None:
        """Update the description, unless a person has changed it."""
        if pages.should_replace(description, self.tags.get(NOTE_TAG), self.tags):
            tags = pages.description_tags(description)
            self._client.log_batch(self.id, tags=[RunTag(name, value) for name, value in tags.items()])

    def end(self, duration_s: float) -> None:
        """Mark the MLflow run as finished and set its end time."""
        self._client.set_terminated(self.id, "FINISHED", self.start_ms + round(1000 * duration_s))

    def find_model(self, name: str) -> LoggedModel | None:
        """Return the oldest complete model of this name, or None if no model is complete.

        Delete the other models of this name, except uploads that may still be running.
        """
        condition = f"name = '{name}' and source_run_id = '{self.id}'"
        unsorted_models = self._client.search_logged_models([self._run.info.experiment_id], condition)
        models = sorted(unsorted_models, key=lambda model: (model.creation_timestamp, model.model_id))
        ready = [model for model in models if model.status == "READY" and not _is_missing(model.artifact_location)]
        uploading = [
            model
            for model in models
            if model.status == "PENDING" and model.creation_timestamp > now_ms() - _LONGEST_UPLOAD_MS
        ]
        for model in models:
            if model not in ready[:1] + uploading:
                self._client.delete_logged_model(model.model_id)
        return ready[0] if ready else None

    def attach_model(self, name: str, write_model: ModelWriter) -> LoggedModel | None:
        """Upload a model and return it. If another publisher has uploaded an older model of this name, return that one.

        The newer model is then deleted, see `find_model`.
        """
        model = self._client.create_logged_model(self._run.info.experiment_id, name=name, source_run_id=self.id)
        self._client.log_outputs(self.id, [LoggedModelOutput(model.model_id, step=0)])
        metadata = Model(artifact_path=model.artifact_location, run_id=self.id, model_id=model.model_id)
        with write_model(metadata) as folder:
            self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, "READY")
        return self.find_model(name)


def _is_missing(location: str) -> bool:
    """Return whether a folder of artifacts is missing; always False if the MLflow store is not a SQLite file."""
    return (
        mlflow_store.database_file() is not None
        and location.startswith("file:")
        and not Path(unquote(location.removeprefix("file://"))).is_dir()
    )


def _metric(point: Point, timestamp_ms: int) -> Metric:
    return Metric(point.metric, point.value, timestamp_ms, point.step)


def _is_same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))
