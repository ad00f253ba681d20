"""Create a run in the MLflow store once, though others may create it at that moment, and complete what is half there.

MLflow lets anybody create a second run of a digest, and a request whose answer is lost may have created one. So a run
counts only once it has parameters, and whoever creates one gives it parameters only after a look at which it was the
only one of its digest. Of two that are created at once, at least one is seen beside the other and removed.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lenet.runs.identity import RunIdentity, Setting
from lenet.tracking import run_inputs
from lenet.tracking.client import unrepeated

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DIGEST_TAG = "digest"
_CREATOR_TAG = "created_by"
# Between looks at a run without parameters: in all about five seconds. Then whoever has created it must be dead.
_PAUSES_S = (0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


@dataclass(frozen=True)
class WantedRun:
    """A run that the store shall have: whose it is, the tags that tell it, its own parameters, and how it begins.

    `name` is asked for only where the run is created, as is `provenance`, the tags of where and when it was trained.
    """

    variant: str
    identity: RunIdentity
    tags: Mapping[str, str]
    parameters: Mapping[str, Setting]
    name: Callable[[], str]
    start_ms: int
    provenance: Mapping[str, str]

    @property
    def all_tags(self) -> dict[str, str]:
        return {**run_inputs.identity_tags(self.variant, self.identity), **self.tags}

    @property
    def all_parameters(self) -> dict[str, Setting]:
        return {**run_inputs.parameters(self.variant, self.identity), **self.parameters}


class RunCreator:
    """Creates runs in one experiment."""

    def __init__(self, client: "MlflowClient", experiment_id: str) -> None:
        self._client, self._experiment_id = client, experiment_id
        self._token = uuid.uuid4().hex

    def find(self, variant: str, digest: str) -> "list[Run]":
        """Return all runs of a digest: those that count first, then the oldest; without those that were removed."""
        from mlflow.entities import ViewType

        condition = f"tags.{DIGEST_TAG} = '{digest}' and tags.variant = '{variant}'"
        found = self._client.search_runs([self._experiment_id], condition, ViewType.ALL)
        there = [run for run in found if run.data.params or run.info.lifecycle_stage == "active"]
        return sorted(there, key=lambda run: (not run.data.params, run.info.start_time, run.info.run_id))

    def find_or_create(self, wanted: WantedRun) -> "Run":
        """Return the one run of that variant and digest, complete: restored where it was deleted."""
        run = self._settle(wanted)
        if run.info.lifecycle_stage == "deleted":
            self._client.restore_run(run.info.run_id)
        self._complete(run, wanted)
        return run

    def _settle(self, wanted: WantedRun) -> "Run":
        """Return the run that counts, or is the only one and created here."""
        lost: Exception | None = None
        for pause_s in _PAUSES_S:
            time.sleep(random.uniform(pause_s / 2, pause_s))
            runs = self.find(wanted.variant, wanted.tags[DIGEST_TAG])
            if not runs:
                if lost:
                    raise lost
                lost = self._create(wanted)
                runs = self.find(wanted.variant, wanted.tags[DIGEST_TAG])
            self._remove(run for run in runs[1:] if self._is_own(run))
            if runs and (runs[0].data.params or (len(runs) == 1 and self._is_own(runs[0]))):
                return runs[0]
        if not runs:
            raise lost or TimeoutError(f"{wanted.name()} is created and removed again and again")
        self._remove(runs[1:])
        return runs[0]

    def _create(self, wanted: WantedRun) -> Exception | None:
        """Create a run; return the error if there is no good answer, which does not mean that there is no run."""
        tags = wanted.all_tags | run_inputs.provenance_tags(wanted.provenance) | {_CREATOR_TAG: self._token}
        name = wanted.name()
        try:
            with unrepeated():
                self._client.create_run(self._experiment_id, wanted.start_ms, tags, name)
        except Exception as error:
            return error
        return None

    def _is_own(self, run: "Run") -> bool:
        return run.data.tags.get(_CREATOR_TAG) == self._token

    def _remove(self, runs: "Iterable[Run]") -> None:
        for run in runs:
            self._client.delete_run(run.info.run_id)

    def _complete(self, run: "Run", wanted: WantedRun) -> None:
        """Log what a run lacks of its parameters, tags and data sets: whoever created it may have been killed."""
        from mlflow.entities import Param, RunTag

        parameters = [
            Param(name, str(value)) for name, value in wanted.all_parameters.items() if name not in run.data.params
        ]
        tags = [RunTag(name, value) for name, value in wanted.all_tags.items() if name not in run.data.tags]
        if parameters or tags:
            self._client.log_batch(run.info.run_id, params=parameters, tags=tags)
        if not (run.inputs and run.inputs.dataset_inputs):
            self._client.log_inputs(run.info.run_id, datasets=run_inputs.dataset_inputs(wanted.identity))
