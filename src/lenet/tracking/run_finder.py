"""Find or create runs in the MLflow store, by the digest of what was run.

Deleted runs are found and restored, and each is created once (see run_creation.py), so that publishing twice changes
nothing. A variant has a parent run; each of its seeds has a run under it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lenet.runs import store
from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import busy_s, machine_tags, now_ms
from lenet.tracking import experiment, run_inputs
from lenet.tracking.client import artifacts_uri, open_client, store_lock
from lenet.tracking.experiment import Experiment
from lenet.tracking.run_creation import DIGEST_TAG, RunCreator, WantedRun
from lenet.tracking.run_log import RunLog

if TYPE_CHECKING:
    from mlflow.entities import Run

# MLflow's own names for tags.
_PARENT_TAG, _NOTE_TAG = "mlflow.parentRunId", "mlflow.note.content"
# This project's: a mark on runs that were published from the files.
_REPUBLISHED_TAG = "republished"
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
        self._creator = RunCreator(self._client, self.experiment_id)

    def find_or_create_parent(
        self, variant: str, identity: RunIdentity, description: str, start_ms: int, provenance: Mapping[str, str]
    ) -> RunLog:
        """Return the run that holds a variant's seeds: that of `identity` and of all with the same family."""
        tags = {DIGEST_TAG: identity.family, "kind": "variant"}
        wanted = WantedRun(
            variant, identity, tags, {}, lambda: self._parent_name(variant, identity), start_ms, provenance
        )
        run = self._find_or_create(wanted)
        self._client.set_tag(run.run_id, _NOTE_TAG, description)
        return run

    def find_or_create_seed(
        self, variant: str, identity: RunIdentity, parent: RunLog, start_ms: int, provenance: Mapping[str, str]
    ) -> RunLog:
        """Return the run of one seed, under its parent."""
        tags = {DIGEST_TAG: identity.digest, "kind": "seed", "seed": str(identity.seed), _PARENT_TAG: parent.run_id}
        name, parameters = f"seed {identity.seed}", {"seed": identity.seed}
        if identity.data.fold:
            name, parameters["fold"] = f"{name} fold {identity.data.fold[0]}", identity.data.fold[0]

        def full_name() -> str:
            return f"{self._client.get_run(parent.run_id).info.run_name} {name}"

        return self._find_or_create(WantedRun(variant, identity, tags, parameters, full_name, start_ms, provenance))

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
        trained = {run.info.run_id for run in running if store.is_locked(run.data.tags[DIGEST_TAG])}
        trained |= {run.data.tags[_PARENT_TAG] for run in running if run.info.run_id in trained}
        for run in running:
            if run.info.run_id not in trained:
                RunLog(self._client, run.info.run_id).stop("KILLED")

    def _find(self, variant: str, digest: str) -> RunLog | None:
        found = [run for run in self._creator.find(variant, digest) if run.info.lifecycle_stage == "active"]
        return RunLog(self._client, found[0].info.run_id) if found else None

    def _running(self) -> "list[Run]":
        here = f"attributes.status = 'RUNNING' and tags.host = '{machine_tags()['host']}'"
        return [
            run
            for run in self._client.search_runs([self.experiment_id], here, max_results=_MOST_RUNS)
            if DIGEST_TAG in run.data.tags
        ]

    def _find_or_create(self, wanted: WantedRun) -> RunLog:
        with store_lock():
            run = self._creator.find_or_create(wanted)
            if _REPUBLISHED_TAG in run.data.tags and _REPUBLISHED_TAG not in wanted.provenance:
                self._add_provenance(run.info.run_id, wanted.provenance)
        return RunLog(self._client, run.info.run_id)

    def _add_provenance(self, run_id: str, provenance: Mapping[str, str]) -> None:
        """Note where a run that was published from the files has now been trained."""
        self._client.delete_tag(run_id, _REPUBLISHED_TAG)
        for name, value in run_inputs.provenance_tags(provenance).items():
            self._client.set_tag(run_id, name, value)

    def _parent_name(self, variant: str, identity: RunIdentity) -> str:
        """Name a variant's run by the variant and what differs from the first other run of it in the store."""
        others = f"tags.kind = 'variant' and tags.variant = '{variant}' and tags.digest != '{identity.family}'"
        oldest = ["attributes.start_time ASC"]
        found = self._client.search_runs([self.experiment_id], others, max_results=1, order_by=oldest)
        if not found:
            return variant
        current = {name: str(value) for name, value in run_inputs.parameters(variant, identity).items()}
        changed = [f"{name}={value}" for name, value in current.items() if found[0].data.params.get(name) != value]
        return f"{variant} {' '.join(changed) or 'other code or versions'}"
