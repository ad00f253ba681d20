"""Find or create the MLflow runs of variants and seeds.

Each variant has an MLflow run. Each seed has an MLflow run too, nested in the variant's MLflow run. A tag with a digest
identifies each MLflow run. If two publishers have created MLflow runs with the same digest, the next publisher that
finds both deletes the newer one.
"""

import time
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import ViewType

from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import Provenance, now_ms
from lenet.tracking import mlflow_store, pages, run_inputs
from lenet.tracking.mlflow_run import PUBLISHED_TAG, REPUBLISHED_TAG, MlflowRun
from lenet.tracking.pages import NOTE_TAG, Experiment

# Tags. `study` holds the name that an experiment was created with, so that it is found after a person renames it.
_STUDY_TAG, _DIGEST_TAG, _KIND_TAG, _VARIANT_TAG = "study", "digest", "kind", "variant"
_CREATED_TAG = "created_ns"
_PARENT_TAG = "mlflow.parentRunId"  # MLflow's own tag, which nests a run in another


class ExperimentRuns:
    """The MLflow runs of one experiment."""

    def __init__(self, experiment: Experiment) -> None:
        self._client = mlflow_store.open_client()
        self.experiment_id = _find_or_create_experiment(self._client, experiment)

    def find(self, variant: str, digest: str) -> MlflowRun | None:
        """Return the MLflow run of a variant or of a seed. Return None if the MLflow run is missing or deleted.

        If several MLflow runs match, return the oldest and delete the others.

        digest: `RunIdentity.family` for a variant, `RunIdentity.digest` for a seed.
        """
        condition = f"tags.{_DIGEST_TAG} = '{digest}' and tags.{_VARIANT_TAG} = '{variant}'"
        matches = [MlflowRun(self._client, run) for run in self._client.search_runs([self.experiment_id], condition)]
        matches.sort(key=lambda run: (int(run.tags.get(_CREATED_TAG, 0)), run.id))
        for duplicate in matches[1:]:
            self._remove(duplicate, matches[0])
        return matches[0] if matches else None

    def find_or_create_variant(self, variant: str, identity: RunIdentity, provenance: Provenance | None) -> MlflowRun:
        """Return the MLflow run of a variant. All identities of the same family share this MLflow run."""
        run = self.find(variant, identity.family)
        if run is None:
            tags = {_DIGEST_TAG: identity.family, _KIND_TAG: "variant"} | pages.colour_tag(variant)
            run = self._create(self._choose_name(variant, identity), variant, identity, tags, provenance)
        if not run.has_parameters:
            run.write(run_inputs.variant_parameters(variant, identity))
        run.complete(identity, provenance)
        return run

    def find_or_create_seed(
        self, variant: str, identity: RunIdentity, parent: MlflowRun, provenance: Provenance | None
    ) -> MlflowRun:
        """Return the MLflow run of one seed, nested in `parent`, the MLflow run of the variant."""
        fold = f" fold {identity.data.fold[0]}" if identity.data.fold else ""
        run = self.find(variant, identity.digest)
        if run is None:
            tags = {
                _DIGEST_TAG: identity.digest,
                _KIND_TAG: "seed",
                "seed": str(identity.seed),
                _PARENT_TAG: parent.id,
            }
            run = self._create(f"{parent.name} seed {identity.seed}{fold}", variant, identity, tags, provenance)
        if run.tags.get(_PARENT_TAG) != parent.id:
            self._client.set_tag(run.id, _PARENT_TAG, parent.id)
        run.complete(identity, provenance)
        return run

    def replace_variant(self, old: MlflowRun, variant: str, identity: RunIdentity) -> MlflowRun:
        """Replace the MLflow run of a variant by a new MLflow run without metrics, and return the new one.

        MLflow cannot delete single metrics. The new MLflow run has the name, tags and description of the old one. The
        MLflow runs of the seeds are moved into the new one. Then the old one is deleted.
        """
        kept_tags = {name: value for name, value in old.tags.items() if name not in (PUBLISHED_TAG, "mlflow.runName")}
        tags = kept_tags | {_CREATED_TAG: str(time.time_ns())}
        created = self._client.create_run(self.experiment_id, old.start_ms, tags, old.name)
        new = MlflowRun(self._client, created)
        new.complete(identity, None)
        new.write(run_inputs.variant_parameters(variant, identity))
        self._remove(old, new)
        return new

    def _remove(self, run: MlflowRun, replacement: MlflowRun) -> None:
        """Move the MLflow runs that are nested in `run` into `replacement`, then delete `run`.

        `find` ignores the deleted MLflow run, even if a person restores it.
        """
        for seed in self._client.search_runs([self.experiment_id], f"tags.`{_PARENT_TAG}` = '{run.id}'"):
            self._client.set_tag(seed.info.run_id, _PARENT_TAG, replacement.id)
        for tag in (_DIGEST_TAG, _KIND_TAG):
            self._client.set_tag(run.id, tag, "replaced")
        self._client.delete_run(run.id)

    def have_models(self, name: str) -> bool:
        """Return whether any MLflow run of the experiment has a model of this name."""
        return bool(self._client.search_logged_models([self.experiment_id], f"name = '{name}'", max_results=1))

    def _create(
        self,
        name: str,
        variant: str,
        identity: RunIdentity,
        tags: Mapping[str, str],
        provenance: Provenance | None,
    ) -> MlflowRun:
        """Create an MLflow run and return it. If another publisher has created the same one, return the older one."""
        start_ms = provenance.started_ms if provenance else now_ms()
        provenance_tags = run_inputs.provenance_tags(provenance) if provenance else {REPUBLISHED_TAG: "true"}
        search_tags = {_CREATED_TAG: str(time.time_ns()), **tags}
        all_tags = run_inputs.identity_tags(variant, identity) | provenance_tags | search_tags
        created = MlflowRun(self._client, self._client.create_run(self.experiment_id, start_ms, all_tags, name))
        return self.find(variant, tags[_DIGEST_TAG]) or created

    def _choose_name(self, variant: str, identity: RunIdentity) -> str:
        """Return the name of a variant's new MLflow run.

        If the variant already has MLflow runs with other settings, code or versions, the name says what differs from
        the oldest of these MLflow runs.
        """
        condition = (
            f"tags.{_KIND_TAG} = 'variant' and tags.{_VARIANT_TAG} = '{variant}' "
            f"and tags.{_DIGEST_TAG} != '{identity.family}'"
        )
        oldest_first = ["attributes.start_time ASC"]
        oldest = self._client.search_runs([self.experiment_id], condition, max_results=1, order_by=oldest_first)
        if not oldest:
            return variant
        current = {name: str(value) for name, value in run_inputs.variant_parameters(variant, identity).items()}
        changed = [f"{name}={value}" for name, value in current.items() if oldest[0].data.params.get(name) != value]
        return f"{variant} {' '.join(changed) or 'other code or versions'}"


def variant_list_paths() -> dict[str, str]:
    """Return a path for each experiment: name of the experiment → path of the page that lists its variants."""
    condition = f"tags.{_STUDY_TAG} LIKE '{pages.PREFIX}%'"
    experiments = mlflow_store.open_client().search_experiments(filter_string=condition, order_by=["name"])
    return {experiment.name: pages.variant_list_path(experiment.experiment_id) for experiment in experiments}


def _find_or_create_experiment(client: MlflowClient, experiment: Experiment) -> str:
    """Return the id of an experiment, and update the experiment's tags.

    If the experiment is missing, create it. If it was deleted, restore it.
    """
    name, tags = experiment.name, pages.experiment_tags(experiment) | {_STUDY_TAG: experiment.name}
    description_tags = pages.description_tags(experiment.description)
    condition = f"tags.{_STUDY_TAG} = '{name}'"
    matches = client.search_experiments(ViewType.ALL, filter_string=condition)
    if not matches:
        folder = mlflow_store.artifacts_uri()
        return client.create_experiment(name, folder and f"{folder}/{name}", tags | description_tags)
    existing = matches[0]
    if existing.lifecycle_stage == "deleted":
        client.restore_experiment(existing.experiment_id)
    if pages.should_replace(experiment.description, existing.tags.get(NOTE_TAG), existing.tags):
        tags |= description_tags
    for tag, value in tags.items():
        if existing.tags.get(tag) != value:
            client.set_experiment_tag(existing.experiment_id, tag, value)
    return existing.experiment_id
