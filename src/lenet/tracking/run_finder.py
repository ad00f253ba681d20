"""Find or create runs in the MLflow store, by the digest of what was run.

Deleted runs are found and restored, and all this happens under a lock, so that publishing twice changes nothing.
A variant has a parent run; each of its seeds has a run under it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lenet.runs import store
from lenet.runs.identity import RunIdentity, Setting
from lenet.runs.provenance import busy_s, machine_tags, now_ms
from lenet.tracking import experiment, run_inputs
from lenet.tracking.client import artifacts_uri, open_client, store_lock
from lenet.tracking.experiment import Experiment
from lenet.tracking.run_log import RunLog

if TYPE_CHECKING:
    from mlflow.entities import Run

# MLflow's own names for tags.
_PARENT_TAG, _NOTE_TAG = "mlflow.parentRunId", "mlflow.note.content"
# This project's: the digest by which a run is found again, and a mark on runs that were published from the files.
_DIGEST_TAG, _REPUBLISHED_TAG = "digest", "republished"
# The provenance of a run of which nobody noted when and where it was trained.
UNKNOWN_PROVENANCE = {_REPUBLISHED_TAG: "true"}
_MOST_RUNS = 10_000


class RunFinder:
    """Finds or creates the runs in one experiment.

    `start_ms` is in ms since 1970; `provenance` are the tags that runs.provenance noted, or UNKNOWN_PROVENANCE.
    """

    def __init__(self, of: Experiment) -> None:
        self._client = open_client()
        with store_lock():
            self.experiment_id = experiment.find_or_create(self._client, of, artifacts_uri())

    def find_or_create_parent(
        self, variant: str, identity: RunIdentity, description: str, start_ms: int, provenance: Mapping[str, str]
    ) -> RunLog:
        """Return the run that holds a variant's seeds: that of `identity` and of all with the same family."""
        with store_lock():
            run_id = self._find_or_restore(variant, identity.family, provenance)
            if run_id is None:
                tags = {_DIGEST_TAG: identity.family, "kind": "variant"} | run_inputs.provenance_tags(provenance)
                run_id = self._create(self._parent_name(variant, identity), variant, identity, tags, {}, start_ms)
        self._client.set_tag(run_id, _NOTE_TAG, description)
        return RunLog(self._client, run_id)

    def find_or_create_seed(
        self, variant: str, identity: RunIdentity, parent: RunLog, start_ms: int, provenance: Mapping[str, str]
    ) -> RunLog:
        """Return the run of one seed, under its parent."""
        with store_lock():
            run_id = self._find_or_restore(variant, identity.digest, provenance)
            if run_id is None:
                tags = {_DIGEST_TAG: identity.digest, "kind": "seed", "seed": str(identity.seed)}
                tags |= {_PARENT_TAG: parent.run_id} | run_inputs.provenance_tags(provenance)
                name = f"{self._client.get_run(parent.run_id).info.run_name} seed {identity.seed}"
                parameters: dict[str, Setting] = {"seed": identity.seed}
                if identity.data.fold:
                    name, parameters["fold"] = f"{name} fold {identity.data.fold[0]}", identity.data.fold[0]
                run_id = self._create(name, variant, identity, tags, parameters, start_ms)
        return RunLog(self._client, run_id)

    def find_or_create_all(
        self, variant: str, identities: Sequence[RunIdentity], description: str
    ) -> tuple[RunLog, list[RunLog]]:
        """Return the run of a variant that is trained, and those under it, all of them ended.

        Where and when they were trained is what the run store knows of it.
        """
        known = [store.load_provenance(identity.digest) for identity in identities]
        starts_ms = [provenance.started_ms if provenance else now_ms() for provenance in known]
        tags = [provenance.tags if provenance else UNKNOWN_PROVENANCE for provenance in known]
        parent = self.find_or_create_parent(variant, identities[0], description, min(starts_ms), tags[0])
        runs = []
        for identity, provenance, start_ms, its_tags in zip(identities, known, starts_ms, tags, strict=True):
            runs.append(self.find_or_create_seed(variant, identity, parent, start_ms, its_tags))
            runs[-1].close(provenance.duration_s if provenance else None)
        parent.close(busy_s(filter(None, known)) if all(known) else None)
        return parent, runs

    def find_seed(self, variant: str, identity: RunIdentity) -> RunLog | None:
        """Return the run of one seed, unless it is missing or deleted."""
        return self._find(variant, identity.digest)

    def find_parent(self, variant: str, identity: RunIdentity) -> RunLog | None:
        """Return the run that holds a variant's seeds, unless it is missing or deleted."""
        return self._find(variant, identity.family)

    def stop_abandoned(self) -> None:
        """End the runs of this machine that the store shows as running and that no process trains."""
        running = self._running()
        trained = {run.info.run_id for run in running if store.is_locked(run.data.tags[_DIGEST_TAG])}
        trained |= {run.data.tags[_PARENT_TAG] for run in running if run.info.run_id in trained}
        for run in running:
            if run.info.run_id not in trained:
                RunLog(self._client, run.info.run_id).stop("KILLED")

    def _find(self, variant: str, digest: str) -> RunLog | None:
        found = self._search(_condition(variant, digest))
        return RunLog(self._client, found.info.run_id) if found else None

    def _running(self) -> "list[Run]":
        here = f"attributes.status = 'RUNNING' and tags.host = '{machine_tags()['host']}'"
        return [
            run
            for run in self._client.search_runs([self.experiment_id], here, max_results=_MOST_RUNS)
            if _DIGEST_TAG in run.data.tags
        ]

    def _search(self, condition: str, **options: Any) -> "Run | None":
        """Return the first run that meets the condition."""
        found = self._client.search_runs([self.experiment_id], condition, max_results=1, **options)
        return found[0] if found else None

    def _find_or_restore(self, variant: str, digest: str, provenance: Mapping[str, str]) -> str | None:
        from mlflow.entities import ViewType

        found = self._search(_condition(variant, digest), run_view_type=ViewType.ALL)
        if found is None:
            return None
        if found.info.lifecycle_stage == "deleted":
            self._client.restore_run(found.info.run_id)
        if _REPUBLISHED_TAG in found.data.tags and _REPUBLISHED_TAG not in provenance:
            self._add_provenance(found.info.run_id, provenance)
        return found.info.run_id

    def _add_provenance(self, run_id: str, provenance: Mapping[str, str]) -> None:
        """Note where a run that was published from the files has now been trained."""
        self._client.delete_tag(run_id, _REPUBLISHED_TAG)
        for name, value in run_inputs.provenance_tags(provenance).items():
            self._client.set_tag(run_id, name, value)

    def _create(
        self,
        name: str,
        variant: str,
        identity: RunIdentity,
        tags: Mapping[str, str],
        parameters: Mapping[str, Setting],
        start_ms: int,
    ) -> str:
        """Create a run with the identity's tags, parameters and data sets, and with those given; return its id."""
        from mlflow.entities import Param

        run = self._client.create_run(
            self.experiment_id, start_ms, tags={**run_inputs.identity_tags(variant, identity), **tags}, run_name=name
        )
        everything = {**run_inputs.parameters(variant, identity), **parameters}
        params = [Param(parameter, str(value)) for parameter, value in everything.items()]
        self._client.log_batch(run.info.run_id, params=params)
        self._client.log_inputs(run.info.run_id, datasets=run_inputs.dataset_inputs(identity))
        return run.info.run_id

    def _parent_name(self, variant: str, identity: RunIdentity) -> str:
        """Name a variant's run by the variant and what differs from the first run of that variant in the store."""
        same_variant = f"tags.kind = 'variant' and tags.variant = '{variant}'"
        first = self._search(same_variant, order_by=["attributes.start_time ASC"])
        if first is None:
            return variant
        current = {name: str(value) for name, value in run_inputs.parameters(variant, identity).items()}
        changed = [f"{name}={value}" for name, value in current.items() if first.data.params.get(name) != value]
        return f"{variant} {' '.join(changed) or 'other code or versions'}"


def _condition(variant: str, digest: str) -> str:
    return f"tags.{_DIGEST_TAG} = '{digest}' and tags.variant = '{variant}'"
