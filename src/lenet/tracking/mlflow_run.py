"""One run in the MLflow store: its numbers, its files, its models. Writing the same again changes nothing."""

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

PUBLISHED_TAG = "published"  # JSON: part of the run → digest of what is published of it
REPUBLISHED_TAG = "republished"  # of a run that was published without knowing when and where it was trained
_MOST_METRICS_AT_ONCE = 800  # beside parameters and tags; MLflow's own limit is 1,000 in all
_LONGEST_UPLOAD_MS = 600_000

# Makes the folder of a model, with the ids that it is given.
WrittenModel = Callable[[Model], AbstractContextManager[Path]]


class Point(NamedTuple):
    """A metric's value at a step."""

    metric: str
    value: float
    step: int


class MlflowRun:
    """A run in the store, as it was when it was looked up."""

    def __init__(self, client: MlflowClient, run: Run) -> None:
        self.id, self.name, self.start_ms = run.info.run_id, run.info.run_name, run.info.start_time
        self.tags, self.metrics = run.data.tags, run.data.metrics
        self._client, self._run = client, run
        self._published: dict[str, str] = json.loads(self.tags.get(PUBLISHED_TAG, "{}"))

    @property
    def has_parameters(self) -> bool:
        return bool(self._run.data.params)

    def lacks(self, part: str, content: str) -> bool:
        """Return whether this content of a part is not published: another one is, or none."""
        return self._published.get(part) != content

    def has_lost_its_artifacts(self) -> bool:
        """Return whether their folder is missing. What a server keeps is its own matter."""
        return _is_missing(self._run.info.artifact_uri)

    def complete(self, identity: RunIdentity, provenance: Provenance | None) -> None:
        """Add end and data sets, if they are missing; and where the run was trained, if that was unknown before."""
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
        """Log parameters, unless they are there, metrics and tags; note what is now published of these parts.

        A point's timestamp is the run's start + its step, so that logging it again adds nothing. A final value that
        differs from the one in the store gets the present time, so that it counts.
        """
        points = [_metric(point, self.start_ms + point.step) for point in curves]
        for point in final:
            if point.metric not in self.metrics:
                points.append(_metric(point, self.start_ms + point.step))
            elif not _is_same(self.metrics[point.metric], point.value):
                points.append(_metric(point, now_ms()))
        params = [Param(name, str(value)) for name, value in parameters.items() if not self.has_parameters]
        self._published |= parts
        noted = {PUBLISHED_TAG: json.dumps(self._published)} if parts else {}
        all_tags = [RunTag(name, value) for name, value in {**tags, **noted}.items()]
        if len(points) > _MOST_METRICS_AT_ONCE:  # sent first: the tag that records them must arrive last
            self._client.log_batch(self.id, points)
            points = []
        self._client.log_batch(self.id, points, params, all_tags)

    def attach(self, text: str, name: str) -> None:
        """Attach a text as a file, in place of an earlier one of that name."""
        with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
            (Path(folder) / name).write_text(text, encoding="utf-8")
            # What `client.log_text` does, after it has read the run anew.
            get_artifact_repository(self._run.info.artifact_uri).log_artifacts(folder)

    def describe(self, description: str) -> None:
        """Renew the run's description, unless a person has written one."""
        if pages.should_replace(description, self.tags.get(NOTE_TAG), self.tags):
            tags = pages.description_tags(description)
            self._client.log_batch(self.id, tags=[RunTag(name, value) for name, value in tags.items()])

    def end(self, duration_s: float) -> None:
        """Say how long the run took."""
        self._client.set_terminated(self.id, "FINISHED", self.start_ms + round(1000 * duration_s))

    def find_model(self, name: str) -> LoggedModel | None:
        """Return the oldest usable model of that name. Delete the others, and what interrupted uploads have left."""
        condition = f"name = '{name}' and source_run_id = '{self.id}'"
        found = self._client.search_logged_models([self._run.info.experiment_id], condition)
        models = sorted(found, key=lambda model: (model.creation_timestamp, model.model_id))
        ready = [each for each in models if each.status == "READY" and not _is_missing(each.artifact_location)]
        uploading = [
            each
            for each in models
            if each.status == "PENDING" and each.creation_timestamp > now_ms() - _LONGEST_UPLOAD_MS
        ]
        for model in models:
            if model not in ready[:1] + uploading:
                self._client.delete_logged_model(model.model_id)
        return ready[0] if ready else None

    def attach_model(self, name: str, written: WrittenModel) -> LoggedModel | None:
        """Attach a model; return the one that counts."""
        model = self._client.create_logged_model(self._run.info.experiment_id, name=name, source_run_id=self.id)
        self._client.log_outputs(self.id, [LoggedModelOutput(model.model_id, step=0)])
        about = Model(artifact_path=model.artifact_location, run_id=self.id, model_id=model.model_id)
        with written(about) as folder:
            self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, "READY")
        return self.find_model(name)


def _is_missing(location: str) -> bool:
    """Return whether artifacts are lost: their folder belongs to a database of this machine and does not exist."""
    return (
        mlflow_store.database() is not None
        and location.startswith("file:")
        and not Path(unquote(location.removeprefix("file://"))).is_dir()
    )


def _metric(point: Point, timestamp_ms: int) -> Metric:
    return Metric(point.metric, point.value, timestamp_ms, point.step)


def _is_same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
