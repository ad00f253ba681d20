"""Find or create runs in the MLflow store, by the digest of what was run.

A variant has a run, and each of its seeds has a run under it. If two publishers create the same run, the older one
stays, and whoever sees the newer one deletes it.
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

# `study` is an experiment's first name, by which it is found again when a person has renamed it.
_STUDY_TAG, _DIGEST_TAG, _KIND_TAG, _VARIANT_TAG = "study", "digest", "kind", "variant"
_CREATED_TAG = "created_ns"
_PARENT_TAG = "mlflow.parentRunId"  # MLflow's own


class Runs:
    """The runs of one experiment."""

    def __init__(self, experiment: Experiment) -> None:
        self._client = mlflow_store.open_client()
        self.experiment_id = _find_or_create_experiment(self._client, experiment)

    def find(self, variant: str, digest: str) -> MlflowRun | None:
        """Return the run of a variant with that digest, unless it is missing or deleted."""
        condition = f"tags.{_DIGEST_TAG} = '{digest}' and tags.{_VARIANT_TAG} = '{variant}'"
        found = [MlflowRun(self._client, run) for run in self._client.search_runs([self.experiment_id], condition)]
        found.sort(key=lambda run: (int(run.tags.get(_CREATED_TAG, 0)), run.id))
        for double in found[1:]:
            self._remove(double, found[0])
        return found[0] if found else None

    def find_or_create_variant(self, variant: str, identity: RunIdentity, provenance: Provenance | None) -> MlflowRun:
        """Return the run of a variant: that of `identity` and of all identities of the same family."""
        run = self.find(variant, identity.family)
        if run is None:
            tags = {_DIGEST_TAG: identity.family, _KIND_TAG: "variant"} | pages.colour_tag(variant)
            run = self._create(self._name(variant, identity), variant, identity, tags, provenance)
        if not run.has_parameters:
            run.write(run_inputs.parameters(variant, identity))
        run.complete(identity, provenance)
        return run

    def find_or_create_seed(
        self, variant: str, identity: RunIdentity, parent: MlflowRun, provenance: Provenance | None
    ) -> MlflowRun:
        """Return the run of one seed, under that of its variant."""
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
        """Make the run of a variant anew, without metrics, since MLflow cannot delete the value of a metric.

        Name, tags and description stay, its seeds move to the new run, and the old one is deleted.
        """
        kept = {name: value for name, value in old.tags.items() if name not in (PUBLISHED_TAG, "mlflow.runName")}
        tags = kept | {_CREATED_TAG: str(time.time_ns())}
        created = self._client.create_run(self.experiment_id, old.start_ms, tags, old.name)
        new = MlflowRun(self._client, created)
        new.complete(identity, None)
        new.write(run_inputs.parameters(variant, identity))
        self._remove(old, new)
        return new

    def _remove(self, run: MlflowRun, heir: MlflowRun) -> None:
        """Delete a run, whose seeds go to another one; it is not found again, not even where it is restored."""
        for seed in self._client.search_runs([self.experiment_id], f"tags.`{_PARENT_TAG}` = '{run.id}'"):
            self._client.set_tag(seed.info.run_id, _PARENT_TAG, heir.id)
        for tag in (_DIGEST_TAG, _KIND_TAG):
            self._client.set_tag(run.id, tag, "replaced")
        self._client.delete_run(run.id)

    def have_models(self, name: str) -> bool:
        """Return whether some run has a model of that name."""
        return bool(self._client.search_logged_models([self.experiment_id], f"name = '{name}'", max_results=1))

    def _create(
        self,
        name: str,
        variant: str,
        identity: RunIdentity,
        tags: Mapping[str, str],
        provenance: Provenance | None,
    ) -> MlflowRun:
        """Create a run; return the one that counts, which may be another publisher's."""
        start_ms = provenance.started_ms if provenance else now_ms()
        known = run_inputs.provenance_tags(provenance) if provenance else {REPUBLISHED_TAG: "true"}
        own = {_CREATED_TAG: str(time.time_ns()), **tags}
        described = run_inputs.identity_tags(variant, identity) | known | own
        created = MlflowRun(self._client, self._client.create_run(self.experiment_id, start_ms, described, name))
        return self.find(variant, tags[_DIGEST_TAG]) or created

    def _name(self, variant: str, identity: RunIdentity) -> str:
        """Name a variant's run by the variant and what differs from the oldest other run of it."""
        others = (
            f"tags.{_KIND_TAG} = 'variant' and tags.{_VARIANT_TAG} = '{variant}' "
            f"and tags.{_DIGEST_TAG} != '{identity.family}'"
        )
        oldest = ["attributes.start_time ASC"]
        found = self._client.search_runs([self.experiment_id], others, max_results=1, order_by=oldest)
        if not found:
            return variant
        current = {name: str(value) for name, value in run_inputs.parameters(variant, identity).items()}
        changed = [f"{name}={value}" for name, value in current.items() if found[0].data.params.get(name) != value]
        return f"{variant} {' '.join(changed) or 'other code or versions'}"


def list_pages() -> dict[str, str]:
    """Return the pages that list the variants of this project's experiments: the experiment's name → path."""
    ours = f"tags.{_STUDY_TAG} LIKE '{pages.PREFIX}%'"
    found = mlflow_store.open_client().search_experiments(filter_string=ours, order_by=["name"])
    return {experiment.name: pages.list_page(experiment.experiment_id) for experiment in found}


def _find_or_create_experiment(client: MlflowClient, experiment: Experiment) -> str:
    """Return the id of an experiment, which is restored if it was deleted."""
    name, tags = experiment.name, pages.experiment_tags(experiment) | {_STUDY_TAG: experiment.name}
    described = pages.description_tags(experiment.description)
    named = f"tags.{_STUDY_TAG} = '{name}'"
    known = client.search_experiments(ViewType.ALL, filter_string=named)
    if not known:
        folder = mlflow_store.artifacts_uri()
        return client.create_experiment(name, folder and f"{folder}/{name}", tags | described)
    found = known[0]
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if pages.should_replace(experiment.description, found.tags.get(NOTE_TAG), found.tags):
        tags |= described
    for tag, value in tags.items():
        if found.tags.get(tag) != value:
            client.set_experiment_tag(found.experiment_id, tag, value)
    return found.experiment_id
