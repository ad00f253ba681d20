"""The MLflow store: a mirror of the files, which can be lost and published again.

Runs are found by the digest of what was run, under a lock and also where they were deleted, so that publishing
twice changes nothing. Timestamps are start + epoch, so that a point logged again is the same point. Only this module
and scoring.py import mlflow; experiment.py and registry.py work through the client that is opened here.
"""

import hashlib
import io
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from urllib.parse import urlsplit

from filelock import FileLock

from lenet.runs.identity import RunIdentity
from lenet.tracking import experiment
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
_DIGEST_TAG, _CONTENT_TAG, _REPUBLISHED = "digest", "published_content", "republished"
UNKNOWN_MOMENT = {_REPUBLISHED: "true"}


def store_uri() -> str:
    """Return the store's address: MLFLOW_TRACKING_URI, or else the project's own SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _own_store_uri()


def _own_store_uri() -> str:
    return f"sqlite:///{project_root() / 'mlflow.db'}"


def shown_uri() -> str:
    """Return the store's address as it may be printed: without a password in it."""
    parts = urlsplit(store_uri())
    return store_uri().replace(f":{parts.password}@", ":…@") if parts.password else store_uri()


def open_client():
    """Return an MlflowClient of the store."""
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    import mlflow

    # What fails is said once, by us, in one line.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    mlflow.set_tracking_uri(store_uri())
    return mlflow.MlflowClient(store_uri())


class Store:
    """One data set's experiment in the store: find or create runs by digest, and log to them without doubling."""

    def __init__(self, dataset: str):
        self.client = open_client()
        self.dataset = dataset
        # Artifacts beside the project's own database; a server knows its own place for them.
        beside = (project_root() / "mlartifacts").as_uri() if store_uri() == _own_store_uri() else None
        with self.locked():  # also because two processes must not create the database at once
            self._experiment = experiment.find_or_create(self.client, dataset, beside)

    def locked(self) -> FileLock:
        """Return the lock between this checkout's processes, temporary workspaces included; it may be nested."""
        machine_notes().mkdir(exist_ok=True)
        return FileLock(machine_notes() / "publish.lock", timeout=_LOCK_PATIENCE_S, is_singleton=True)

    def open_parent(self, identity: RunIdentity, description: str, start_ms: int, tags: Mapping[str, str]) -> str:
        """Return the id of the run that holds a variant's seeds, created or restored where needed.

        `tags` are those of the moment, here and in open_run: UNKNOWN_MOMENT where it is not known.
        """
        own = {"variant": identity.variant, "kind": "variant"}
        with self.locked():
            run_id = self._find(identity.family, tags)
            if run_id is None:
                name = self._parent_name(identity)
                run_id = self._create(identity.family, name, identity, own, start_ms, tags)
        self.client.set_tag(run_id, _NOTE_TAG, description)
        return run_id

    def open_run(self, identity: RunIdentity, parent_id: str, start_ms: int, tags: Mapping[str, str]) -> str:
        """Return the id of a seed's run under its parent, created or restored where needed."""
        own = {"variant": identity.variant, "seed": str(identity.seed), "kind": "seed", _PARENT_TAG: parent_id}
        with self.locked():
            run_id = self._find(identity.digest, tags)
            if run_id is None:
                name = f"{self.client.get_run(parent_id).info.run_name} seed {identity.seed}"
                run_id = self._create(identity.digest, name, identity, own, start_ms, tags)
                self._log(run_id, parameters={"seed": identity.seed})
        return run_id

    def log_epochs(self, run_id: str, epochs: Mapping[int, Mapping[str, float]]) -> None:
        """Log metrics per epoch; logged again they are the same points."""
        start = self.client.get_run(run_id).info.start_time
        points = [
            (name, value, start + epoch, epoch) for epoch, metrics in epochs.items() for name, value in metrics.items()
        ]
        self._log(run_id, metrics=points)

    def log_final(self, run_id: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log final metrics; one that has another value in the store already is superseded, not doubled."""
        run = self.client.get_run(run_id)
        points = []
        for name, value in metrics.items():
            timestamp = run.info.start_time + step
            if name in run.data.metrics:
                if _same(run.data.metrics[name], value):
                    continue
                timestamp = 1 + max(point.timestamp for point in self.client.get_metric_history(run_id, name))
            points.append((name, value, timestamp, step))
        self._log(run_id, metrics=points)

    def has_metric(self, run_id: str, name: str) -> bool:
        """Whether the run has a value of that metric."""
        return name in self.client.get_run(run_id).data.metrics

    def log_figure(self, run_id: str, figure, name: str) -> None:
        """Attach a Matplotlib figure, in place of an earlier one of that name."""
        self.client.log_figure(run_id, figure, name)

    def log_json(self, run_id: str, value: object, name: str) -> None:
        """Attach a value as a JSON file, in place of an earlier one of that name."""
        self.client.log_dict(run_id, value, name)

    def lacks(self, run_id: str, content: str) -> bool:
        """Whether the run was last published with other content than this."""
        return self.client.get_run(run_id).data.tags.get(_CONTENT_TAG) != content

    def mark_published(self, run_id: str, content: str) -> None:
        """Note what of a run is in the store, so that publishing it again takes no time."""
        self.client.set_tag(run_id, _CONTENT_TAG, content)

    def lacks_model(self, run_id: str) -> bool:
        """Whether no model is attached to the run, or none whose upload was finished."""
        return self._model_of(self.client.get_run(run_id)) is None

    def find_model(self, identity: RunIdentity) -> tuple[str, str] | None:
        """Return the ids of the identity's run and of the model attached to it, or None where there is no model."""
        found = self._search(f"tags.{_DIGEST_TAG} = '{identity.digest}'")
        model_id = self._model_of(found[0]) if found else None
        return (found[0].info.run_id, model_id) if model_id else None

    def log_model(self, run_id: str, model, epochs: int) -> None:
        """Attach a Keras model that takes raw pixels: uint8 (n, 28, 28), and gives probabilities: float32 (n, 10)."""
        import mlflow
        import numpy as np
        from mlflow.models import Model, ModelSignature
        from mlflow.types import Schema, TensorSpec

        signature = ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, 28, 28))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 10))]),
        )
        versions = self.client.get_run(run_id).data.tags
        mlflow.set_experiment(experiment_id=self._experiment)  # else the model lands in the default one
        # What mlflow.keras.log_model calls, which itself knows only a run that it has started, and would end again.
        with redirect_stdout(io.StringIO()):  # the export lists its tensors there
            Model.log(
                artifact_path=None,
                name="model",
                flavor=mlflow.keras,
                run_id=run_id,
                model=model,
                # As TensorFlow's operations: it can be served where this project's layers are not installed.
                save_exported_model=True,
                signature=signature,
                pip_requirements=[f"{name}=={versions[name]}" for name in ("tensorflow", "keras", "numpy")],
                step=epochs,
            )

    def close(self, run_id: str, status: str = "FINISHED", end_ms: int | None = None) -> None:
        """End a run; one that has ended well already is left as it is."""
        run = self.client.get_run(run_id)
        if run.info.status != "FINISHED" or run.info.end_time is None:
            self.client.set_terminated(run_id, status, end_ms)

    def _search(self, wanted: str, **options) -> list:
        return list(self.client.search_runs([self._experiment], wanted, max_results=1, **options))

    def _model_of(self, run) -> str | None:
        models = (
            [self.client.get_logged_model(each.model_id) for each in run.outputs.model_outputs] if run.outputs else []
        )
        return next((model.model_id for model in models if model.status == "READY"), None)

    def _find(self, digest: str, tags: Mapping[str, str]) -> str | None:
        from mlflow.entities import ViewType

        found = self._search(f"tags.{_DIGEST_TAG} = '{digest}'", run_view_type=ViewType.ALL)
        if not found:
            return None
        run_id = found[0].info.run_id
        if found[0].info.lifecycle_stage == "deleted":
            self.client.restore_run(run_id)
        if _REPUBLISHED in found[0].data.tags and _REPUBLISHED not in tags:
            self.client.delete_tag(run_id, _REPUBLISHED)  # published from the files once, and now trained here
            self._log(run_id, tags=_with_commit(tags))
        return run_id

    def _create(
        self,
        digest: str,
        name: str,
        identity: RunIdentity,
        own_tags: Mapping[str, str],
        start_ms: int,
        tags: Mapping[str, str],
    ) -> str:
        versions = {**identity.versions, "code": identity.code[:16]}
        all_tags = {**_with_commit(tags), **versions, **own_tags, _DIGEST_TAG: digest, "dataset": self.dataset}
        run = self.client.create_run(self._experiment, start_time=start_ms, tags=all_tags, run_name=name)
        self._log(run.info.run_id, parameters=_flat(identity))
        self._log_dataset(run.info.run_id, identity)
        return run.info.run_id

    def _parent_name(self, identity: RunIdentity) -> str:
        """Name a variant's run by the variant and what differs from the first run of that variant in the store."""
        of_variant = f"tags.kind = 'variant' and tags.variant = '{identity.variant}'"
        earlier = self._search(of_variant, order_by=["attributes.start_time ASC"])
        if not earlier:
            return identity.variant
        before = earlier[0].data.params
        now = {name: str(value) for name, value in _flat(identity).items()}
        changed = [f"{name}={value}" for name, value in now.items() if before.get(name) != value]
        return f"{identity.variant} {' '.join(changed) or 'other code or versions'}"

    def _log_dataset(self, run_id: str, identity: RunIdentity) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = {"validation_size": identity.data.validation_size, "split_seed": identity.data.split_seed}
        trained_on_both = identity.settings.get("train_on") == "train_and_validation"
        inputs = [
            DatasetInput(
                Dataset(
                    name=f"{identity.data.dataset} {split}",
                    digest=getattr(identity.data, f"{split}_md5"),
                    source_type="dvc",
                    source=json.dumps(
                        {"path": f"data/processed/{split}.npz", "md5": getattr(identity.data, f"{split}_md5")}
                    ),
                    profile=json.dumps(profile),
                ),
                [InputTag("mlflow.data.context", "train" if trained_on_both else split)],
            )
            for split in ("train", "validation")
        ]
        self.client.log_inputs(run_id, datasets=inputs)

    def _log(self, run_id: str, metrics: Sequence[tuple] = (), **named: Mapping[str, object]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        parameters = [Param(name, str(value)) for name, value in named.get("parameters", {}).items()]
        tags = [RunTag(name, str(value)) for name, value in named.get("tags", {}).items()]
        if parameters or tags:
            self.client.log_batch(run_id, params=parameters, tags=tags)
        for start in range(0, len(metrics), 1000):  # MLflow takes at most 1,000 a call
            self.client.log_batch(run_id, metrics=[Metric(*point) for point in metrics[start : start + 1000]])


def content_digest(*parts: object) -> str:
    """Return a digest of what is about to be published."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _flat(identity: RunIdentity) -> dict[str, object]:
    data = {name: getattr(identity.data, name) for name in ("dataset", "validation_size", "split_seed")}
    return {**identity.settings, **data, "variant": identity.variant}


def _with_commit(tags: Mapping[str, str]) -> dict[str, str]:
    return {**tags, **({_COMMIT_TAG: tags["git_commit"]} if "git_commit" in tags else {})}


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
