"""Log to one run of the MLflow store, so that logging the same again changes nothing.

The timestamp of a metric is the run's start + the epoch: a point that is logged again is the same point.
"""

import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from lenet.runs.provenance import now_ms
from lenet.tracking.client import unrepeated

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run
    from mlflow.models import ModelSignature

_CONTENT_TAG = "published_content"
_MOST_METRICS_PER_CALL = 1000  # MLflow's own limit
_LONGEST_UPLOAD_MS = 600_000


class RunLog:
    """One run in the store."""

    def __init__(self, client: "MlflowClient", run_id: str) -> None:
        self.run_id = run_id
        self._client = client

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log one epoch's metrics; the first epoch is 1."""
        self.log_history({name: [value] for name, value in metrics.items()}, first_epoch=epoch)

    def log_history(self, history: Mapping[str, Sequence[float]], first_epoch: int = 1) -> None:
        """Log metrics over epochs: metric → one value per epoch."""
        start_ms = self._run().info.start_time
        self._log(
            _point(name, value, start_ms + epoch, epoch)
            for name, values in history.items()
            for epoch, value in enumerate(values, first_epoch)
        )

    def log_final(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log final metrics; a value that differs from the one in the store supersedes it."""
        run = self._run()
        points = []
        for name, value in metrics.items():
            if name not in run.data.metrics:
                points.append(_point(name, value, run.info.start_time + step, step))
            elif not _same(run.data.metrics[name], value):
                points.append(_point(name, value, self._latest_timestamp(name) + 1, step))
        self._log(points)

    def has_metric(self, name: str) -> bool:
        """Whether the run has a value of that metric."""
        return name in self._run().data.metrics

    def attach_figure(self, figure: "Figure", name: str) -> None:
        """Attach a figure, in place of an earlier one of that name."""
        self._client.log_figure(self.run_id, figure, name)

    def attach_json(self, value: Any, name: str) -> None:
        """Attach a value as a JSON file, in place of an earlier one of that name."""
        self._client.log_dict(self.run_id, value, name)

    def attach_model(self, model: "keras.Model", epochs: int) -> None:
        """Attach a model that takes raw pixels, uint8 (n, 28, 28), and gives probabilities, float32 (n, 10)."""
        import mlflow
        from mlflow.models import Model

        run = self._run()
        mlflow.set_experiment(experiment_id=run.info.experiment_id)  # else the model lands in the default one
        # mlflow.keras.log_model calls this too, but it accepts only a run that it has started, and would end it.
        with unrepeated(), redirect_stdout(io.StringIO()):  # the export prints a list of tensors
            Model.log(
                artifact_path=None,
                name="model",
                flavor=mlflow.keras,
                run_id=self.run_id,
                model=model,
                # As TensorFlow's operations: it can be served where this project's layers are not installed.
                save_exported_model=True,
                signature=_signature(),
                pip_requirements=[f"{name}=={run.data.tags[name]}" for name in ("tensorflow", "keras", "numpy")],
                step=epochs,
            )

    def model_id(self) -> str | None:
        """Return the id of the attached model; None without a model or where its upload was cut off.

        What such an upload has left is removed, and so is a second model, of another publisher at the same moment.
        """
        experiment = self._run().info.experiment_id
        found = self._client.search_logged_models([experiment], f"source_run_id = '{self.run_id}'")
        models = sorted(found, key=lambda model: (model.creation_timestamp, model.model_id))
        ready = [model for model in models if model.status == "READY"]
        cut_off = [m for m in models if m not in ready and m.creation_timestamp < now_ms() - _LONGEST_UPLOAD_MS]
        for model in ready[1:] + cut_off:
            self._client.delete_logged_model(model.model_id)
        return ready[0].model_id if ready else None

    def is_published(self, content: str) -> bool:
        """Whether the run was last published with this content: see `content_digest`."""
        return self._run().data.tags.get(_CONTENT_TAG) == content

    def mark_published(self, content: str) -> None:
        """Note which content is in the store, so that publishing it again takes no time."""
        self._client.set_tag(self.run_id, _CONTENT_TAG, content)

    def reopen(self) -> None:
        """Show a run as running that was stopped before it had finished."""
        if self._run().info.status != "FINISHED":
            self._client.update_run(self.run_id, status="RUNNING")

    def close(self, duration_s: float | None = None) -> None:
        """End the run as finished, so long after its start, or now; a run that has finished already is left as it is.

        The start is that of the first attempt, if there were several, and their pauses do not count.
        """
        info = self._run().info
        if info.status != "FINISHED" or info.end_time is None:
            end_ms = None if duration_s is None else info.start_time + round(1000 * duration_s)
            self._client.set_terminated(self.run_id, "FINISHED", end_ms)

    def stop(self, status: str) -> None:
        """End a run that has not finished: KILLED or FAILED."""
        if self._run().info.status != "FINISHED":
            self._client.update_run(self.run_id, status=status)

    def _run(self) -> "Run":
        return self._client.get_run(self.run_id)

    def _latest_timestamp(self, metric: str) -> int:
        return max(point.timestamp for point in self._client.get_metric_history(self.run_id, metric))

    def _log(self, metrics: Iterable["Metric"]) -> None:
        points = list(metrics)
        for first in range(0, len(points), _MOST_METRICS_PER_CALL):
            self._client.log_batch(self.run_id, metrics=points[first : first + _MOST_METRICS_PER_CALL])


def content_digest(*parts: object) -> str:
    """Return a digest of what is about to be published."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _point(name: str, value: float, timestamp_ms: int, step: int) -> "Metric":
    from mlflow.entities import Metric

    return Metric(name, value, timestamp_ms, step)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _signature() -> "ModelSignature":
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, 28, 28))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 10))]),
    )
