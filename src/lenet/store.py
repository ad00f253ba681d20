"""The MLflow store: a mirror of the files, which can be lost and published again. The only importer of mlflow.

Runs are found by the digest of what was run, under a lock and also where they were deleted, so that publishing
twice changes nothing. Timestamps are start + epoch, so that a point logged again is the same point.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence

from filelock import FileLock

from lenet.identity import RunIdentity
from lenet.workspace import machine_notes, project_root

_LIMITS = {
    # By default MLflow retries for minutes; what it does not get now is published from the files later.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LOCK_PATIENCE_S = 60

# MLflow's own names for tags.
_PARENT_TAG, _NOTE_TAG, _COMMIT_TAG = "mlflow.parentRunId", "mlflow.note.content", "mlflow.source.git.commit"
# Ours: by what a run is found again, and what of it was published.
_DIGEST_TAG, _CONTENT_TAG = "digest", "published_content"


def store_uri() -> str:
    """Return the store's address: MLFLOW_TRACKING_URI, or else the project's own SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _own_store_uri()


def _own_store_uri() -> str:
    return f"sqlite:///{project_root() / 'mlflow.db'}"


def experiment_name(dataset: str) -> str:
    """Return the name of a data set's experiment."""
    return f"lenet5-{dataset}"


class Store:
    """One data set's experiment in the store: find or create runs by digest, and log to them without doubling."""

    def __init__(self, dataset: str):
        for name, value in _LIMITS.items():
            os.environ.setdefault(name, value)
        import mlflow

        # What fails is said once, by us, in one line.
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        self.uri = store_uri()
        mlflow.set_tracking_uri(self.uri)
        self._client = mlflow.MlflowClient(self.uri)
        self._dataset = dataset
        with self.locked():  # also because two processes must not create the database at once
            self._experiment = self._find_or_create_experiment(experiment_name(dataset))

    def locked(self) -> FileLock:
        """Return the lock between this checkout's processes, temporary workspaces included; it may be nested."""
        machine_notes().mkdir(exist_ok=True)
        return FileLock(machine_notes() / "publish.lock", timeout=_LOCK_PATIENCE_S, is_singleton=True)

    def open_parent(self, identity: RunIdentity, description: str, start_ms: int) -> str:
        """Return the id of the run that holds a variant's seeds, created or restored where needed."""
        tags = {"variant": identity.variant, _NOTE_TAG: description, "kind": "variant"}
        with self.locked():
            run_id = self._find(identity.family)
            if run_id is None:
                name = self._parent_name(identity)
                run_id = self._create(identity.family, name, _flat(identity), {**tags, **_versions(identity)}, start_ms)
        self._client.set_tag(run_id, _NOTE_TAG, description)
        return run_id

    def open_run(self, identity: RunIdentity, parent_id: str, start_ms: int, tags: Mapping[str, str]) -> str:
        """Return the id of a seed's run under its parent, created or restored where needed."""
        own = {"variant": identity.variant, "seed": str(identity.seed), "kind": "seed", _PARENT_TAG: parent_id}
        commit = {_COMMIT_TAG: tags["git_commit"]} if "git_commit" in tags else {}
        parameters = _flat(identity) | {"seed": identity.seed}
        with self.locked():
            run_id = self._find(identity.digest)
            if run_id is None:
                name = f"{self._client.get_run(parent_id).info.run_name} seed {identity.seed}"
                run_id = self._create(
                    identity.digest, name, parameters, {**tags, **own, **commit, **_versions(identity)}, start_ms
                )
                self._log_dataset(run_id, identity)
        return run_id

    def log_metrics(self, run_id: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of an epoch; logged again they are the same points."""
        timestamp = self._client.get_run(run_id).info.start_time + epoch
        self._log_batch(run_id, metrics=[(name, value, timestamp, epoch) for name, value in metrics.items()])

    def log_final(self, run_id: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log final metrics; one that has another value in the store already is superseded, not doubled."""
        run = self._client.get_run(run_id)
        fresh = []
        for name, value in metrics.items():
            if run.data.metrics.get(name) == value:
                continue
            timestamp = run.info.start_time + step
            if name in run.data.metrics:
                timestamp = 1 + max(point.timestamp for point in self._client.get_metric_history(run_id, name))
            fresh.append((name, value, timestamp, step))
        self._log_batch(run_id, metrics=fresh)

    def log_history(self, run_id: str, history: Mapping[str, list[float]]) -> None:
        """Log every epoch's metrics at once; points that the store has are left as they are."""
        start = self._client.get_run(run_id).info.start_time
        self._log_batch(
            run_id,
            metrics=[
                (name, value, start + epoch, epoch)
                for name, values in history.items()
                for epoch, value in enumerate(values, start=1)
            ],
        )

    def log_figure(self, run_id: str, figure, name: str) -> None:
        """Attach a Matplotlib figure, in place of an earlier one of that name."""
        self._client.log_figure(run_id, figure, name)

    def log_json(self, run_id: str, value: object, name: str) -> None:
        """Attach a value as a JSON file, in place of an earlier one of that name."""
        self._client.log_dict(run_id, value, name)

    def lacks(self, run_id: str, content: str) -> bool:
        """Whether the run was last published with other content than this."""
        return self._client.get_run(run_id).data.tags.get(_CONTENT_TAG) != content

    def lacks_model(self, run_id: str) -> bool:
        """Whether no model is attached to the run."""
        outputs = self._client.get_run(run_id).outputs
        return not (outputs and outputs.model_outputs)

    def log_model(self, run_id: str, model, epochs: int) -> None:
        """Attach a Keras model that takes raw pixels: uint8 (n, 28, 28), and gives probabilities: float32 (n, 10)."""
        import mlflow
        import numpy as np
        from mlflow.models import Model, ModelSignature
        from mlflow.types import Schema, TensorSpec

        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, 28, 28), "image")]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 10))]),
        )
        versions = self._client.get_run(run_id).data.tags
        mlflow.set_experiment(experiment_id=self._experiment)  # else the model lands in the default one
        requirements = [f"{name}=={versions[name]}" for name in ("tensorflow", "keras", "numpy")]
        Model.log(
            artifact_path=None,
            name="model",
            flavor=mlflow.keras,
            run_id=run_id,
            model=model,
            signature=signature,
            pip_requirements=requirements,
            step=epochs,
        )

    def mark_published(self, run_id: str, content: str) -> None:
        """Note what of a run is in the store, so that publishing it again takes no time."""
        self._client.set_tag(run_id, _CONTENT_TAG, content)

    def close(self, run_id: str, status: str = "FINISHED", end_ms: int | None = None) -> None:
        """End a run; one that has ended well already is left as it is."""
        run = self._client.get_run(run_id)
        if run.info.status != "FINISHED" or run.info.end_time is None:
            self._client.set_terminated(run_id, status, end_ms)

    def _find_or_create_experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            # Artifacts beside the project's own database; a server knows its own place for them.
            beside = (project_root() / "mlartifacts" / name).as_uri() if self.uri == _own_store_uri() else None
            return self._client.create_experiment(name, artifact_location=beside)
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        return experiment.experiment_id

    def _find(self, digest: str) -> str | None:
        from mlflow.entities import ViewType

        found = self._client.search_runs(
            [self._experiment], f"tags.{_DIGEST_TAG} = '{digest}'", ViewType.ALL, max_results=1
        )
        if not found:
            return None
        if found[0].info.lifecycle_stage == "deleted":
            self._client.restore_run(found[0].info.run_id)
        return found[0].info.run_id

    def _create(self, digest: str, name: str, parameters: Mapping, tags: Mapping[str, str], start_ms: int) -> str:
        tags = {**tags, _DIGEST_TAG: digest, "dataset": self._dataset}
        run = self._client.create_run(self._experiment, start_time=start_ms, tags=tags, run_name=name)
        self._log_batch(run.info.run_id, parameters=parameters)
        return run.info.run_id

    def _parent_name(self, identity: RunIdentity) -> str:
        """Name a variant's run by the variant and what differs from the first run of that variant in the store."""
        earlier = self._client.search_runs(
            [self._experiment],
            f"tags.kind = 'variant' and tags.variant = '{identity.variant}'",
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
        if not earlier:
            return identity.variant
        before = earlier[0].data.params
        now = {name: str(value) for name, value in _flat(identity).items()}
        changed = [f"{name}={value}" for name, value in now.items() if before.get(name) != value]
        return f"{identity.variant} {' '.join(changed) or 'other code or versions'}"

    def _log_dataset(self, run_id: str, identity: RunIdentity) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = {name: identity.data[name] for name in ("validation_size", "split_seed")}
        inputs = [
            DatasetInput(
                Dataset(
                    name=f"{identity.data['dataset']} {split}",
                    digest=identity.data[f"{split}_md5"],
                    source_type="dvc",
                    source=json.dumps({"path": f"data/processed/{split}.npz", "md5": identity.data[f"{split}_md5"]}),
                    profile=json.dumps(profile),
                ),
                [InputTag("mlflow.data.context", split)],
            )
            for split in ("train", "validation")
        ]
        self._client.log_inputs(run_id, datasets=inputs)

    def _log_batch(
        self, run_id: str, metrics: Sequence[tuple] = (), parameters: Mapping = {}, tags: Mapping = {}
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        rows = [Metric(*metric) for metric in metrics]
        # MLflow takes at most 1,000 metrics a call.
        for start in range(0, max(len(rows), 1), 1000):
            self._client.log_batch(
                run_id,
                metrics=rows[start : start + 1000],
                params=[Param(name, str(value)) for name, value in parameters.items()],
                tags=[RunTag(name, str(value)) for name, value in tags.items()],
            )


def content_digest(*parts: object) -> str:
    """Return a digest of what is about to be published."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _flat(identity: RunIdentity) -> dict[str, object]:
    data = {name: identity.data[name] for name in ("dataset", "validation_size", "split_seed")}
    return {**identity.settings, **data, "variant": identity.variant}


def _versions(identity: RunIdentity) -> dict[str, str]:
    return {**identity.versions, "code": identity.code[:16]}
