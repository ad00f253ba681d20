"""MLflow's model registry: which trained model is the champion, and which the baseline. Both are chosen on validation.

Each data set has a registered model of its own, so that one trained on MNIST never stands in for one trained on other
digits. A version is found again by the run it comes from, so that registering twice changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lenet.evaluation.champion import ranked, validation_error
from lenet.evaluation.results import SeedResult, VariantResult
from lenet.mnist import datasets
from lenet.report import model_card
from lenet.tracking import descriptions, experiment
from lenet.tracking.client import create_once, open_client, store_lock
from lenet.tracking.run_finder import RunFinder

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION, BASELINE = "champion", "baseline"


def model_name(dataset: str) -> str:
    """Return the name under which a data set's models are registered."""
    return datasets.find(dataset).model_name


def model_uri(dataset: str) -> str:
    """Return the address under which MLflow knows the champion."""
    return f"models:/{model_name(dataset)}@{CHAMPION}"


class Registry:
    """The registered model of one data set."""

    def __init__(self, dataset: str) -> None:
        self.name = model_name(dataset)
        self._dataset = dataset
        self._client = open_client()
        self._runs = RunFinder(experiment.of_study(dataset))

    def appoint(self, alias: str, results: Sequence[VariantResult], about: Mapping[str, str]) -> str | None:
        """Give the alias to the best run whose model the store has; return what was done, None if that was nothing."""
        for result, seed in ranked(results):
            run = self._runs.find_seed(result.variant, seed.identity)
            if run and (model_id := run.model_id()):
                card = model_card.card(result, seed, about.get(result.variant, ""))
                with store_lock():
                    self._create_model()
                    version = self._find_or_create_version(result.variant, seed, run.run_id, model_id, card)
                    return self._give(alias, version, f"{result.variant} seed {seed.identity.seed}")
        return None

    def has(self, alias: str) -> bool:
        """Whether some version has the alias."""
        return alias in self._aliases()

    def _give(self, alias: str, version: str, run: str) -> str | None:
        if self._aliases().get(alias) == version:
            return None
        self._client.set_registered_model_alias(self.name, alias, version)
        return f"{run} is the {alias}: version {version} of {self.name}"

    def _find_model(self) -> "RegisteredModel | None":
        found = self._client.search_registered_models(f"name = '{self.name}'")
        return found[0] if found else None

    def _aliases(self) -> dict[str, str]:
        model = self._find_model()
        return {alias: str(version) for alias, version in model.aliases.items()} if model else {}

    def _create_model(self) -> None:
        model, description = self._find_model(), descriptions.of_model(self._dataset)
        if model is None:
            create_once(
                lambda: self._client.create_registered_model(self.name, description=description), self._find_model
            )
        elif model.description != description:
            self._client.update_registered_model(self.name, description)

    def _find_or_create_version(self, variant: str, seed: SeedResult, run_id: str, model_id: str, card: str) -> str:
        """Return the version that comes from the run, with the card as its description."""
        version = self._find_version(run_id) or self._create_version(variant, seed, run_id, model_id, card)
        if version.description != card:
            self._client.update_model_version(self.name, version.version, card)
        return str(version.version)

    def _find_version(self, run_id: str) -> "ModelVersion | None":
        """Return the oldest version that comes from the run."""
        found = self._client.search_model_versions(f"name = '{self.name}' and run_id = '{run_id}'")
        return min(found, key=lambda version: int(version.version), default=None)

    def _create_version(self, variant: str, seed: SeedResult, run_id: str, model_id: str, card: str) -> "ModelVersion":
        tags = {
            "variant": variant,
            "seed": str(seed.identity.seed),
            "validation_error_percent": str(validation_error(seed)),
        }

        def create() -> "ModelVersion":
            return self._client.create_model_version(
                self.name, source=f"models:/{model_id}", run_id=run_id, tags=tags, description=card, model_id=model_id
            )

        created = create_once(create, lambda: self._find_version(run_id))
        version = self._find_version(run_id) or created
        if created.version != version.version:  # another publisher was faster
            self._client.delete_model_version(self.name, created.version)
        # By this MLflow's pages lead from the run to the version.
        shown = json.dumps([{"name": self.name, "version": version.version}])
        self._client.set_logged_model_tags(model_id, {"mlflow.modelVersions": shown})
        return version
