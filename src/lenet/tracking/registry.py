"""MLflow's model registry: which trained model is the champion, and which the baseline. Both are chosen on validation.

Each data set has a registered model of its own, so that one trained on MNIST never stands in for one trained on other
digits. A version is found again by the model that it serves, so that registering twice changes nothing.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from lenet.evaluation.champion import ranked, validation_error
from lenet.evaluation.results import SeedResult, VariantResult
from lenet.mnist import datasets
from lenet.report import model_card
from lenet.settings import Settings
from lenet.tracking import artifacts, mlflow_store, pages
from lenet.tracking.pages import WRITTEN_TAG
from lenet.tracking.runs import Runs

CHAMPION, BASELINE = "champion", "baseline"
_EXAMPLE = Path(__file__).parents[3] / "digit.json"  # the first digit of MNIST's test set


def model_name(dataset: str) -> str:
    """Return the name under which a data set's models are registered."""
    return datasets.find(dataset).model_name


def model_uri(dataset: str) -> str:
    """Return the address under which MLflow knows the champion."""
    return f"models:/{model_name(dataset)}@{CHAMPION}"


def assign_aliases(results: Sequence[VariantResult], settings: Settings) -> None:
    """Register champion and baseline, the best run of the baseline variant, for each data set; say what changed."""
    for dataset in dict.fromkeys(result.dataset for result in results):
        candidates = [result for result in results if result.dataset == dataset]
        baseline = [result for result in candidates if result.variant == settings.comparison.ladder[0]]
        registry = Registry(dataset)
        for alias, of_alias in ((CHAMPION, candidates), (BASELINE, baseline)):
            if news := registry.assign(alias, of_alias, settings.about):
                print(news, file=sys.stderr)


class Registry:
    """The registered model of one data set."""

    def __init__(self, dataset: str) -> None:
        self.name = model_name(dataset)
        self._dataset = dataset
        self._client = mlflow_store.open_client()

    def assign(self, alias: str, results: Sequence[VariantResult], about: Mapping[str, str]) -> str | None:
        """Give the alias to the best run that has a model in the store; return a message if anything changed.

        The model is exported from the store's own artifact, once. That takes seconds.
        """
        runs = Runs(pages.study_experiment(self._dataset))
        for result, seed in ranked(results) if runs.have_models(artifacts.NETWORK) else ():
            if model_id := _served_model(runs, result.variant, seed):
                card = model_card.card(result, seed, about.get(result.variant, ""))
                version = self._find_or_create_version(result.variant, seed, model_id, card)
                return self._give(alias, version, f"{result.variant} seed {seed.identity.seed}")
        return None

    def has(self, alias: str) -> bool:
        """Return whether some version has the alias."""
        return alias in self._aliases()

    def _give(self, alias: str, version: str, run: str) -> str | None:
        if self._aliases().get(alias) == version:
            return None
        self._client.set_registered_model_alias(self.name, alias, version)
        return f"{run} is the {alias}: version {version} of {self.name}"

    def _find_model(self) -> RegisteredModel | None:
        found = self._client.search_registered_models(f"name = '{self.name}'")
        return found[0] if found else None

    def _aliases(self) -> dict[str, str]:
        model = self._find_model()
        return {alias: str(version) for alias, version in model.aliases.items()} if model else {}

    def _find_or_create_version(self, variant: str, seed: SeedResult, model_id: str, card: str) -> str:
        """Return the version that serves the model, with the card as its description."""
        name, client = self.name, self._client
        model = self._find_model() or client.create_registered_model(name)
        description = pages.describe_model(self._dataset)
        if pages.should_replace(description, model.description, model.tags):
            client.update_registered_model(name, description)
            client.set_registered_model_tag(name, WRITTEN_TAG, pages.description_digest(description))
        version = self._find_version(model_id) or self._create_version(variant, seed, model_id)
        if pages.should_replace(card, version.description, version.tags):
            client.update_model_version(name, version.version, card)
            client.set_model_version_tag(name, version.version, WRITTEN_TAG, pages.description_digest(card))
        return str(version.version)

    def _find_version(self, model_id: str) -> ModelVersion | None:
        """Return the oldest version that serves the model."""
        found = self._client.search_model_versions(f"name = '{self.name}'")
        serving = [version for version in found if version.source == f"models:/{model_id}"]
        return min(serving, key=lambda version: int(version.version), default=None)

    def _create_version(self, variant: str, seed: SeedResult, model_id: str) -> ModelVersion:
        tags = {
            "variant": variant,
            "seed": str(seed.identity.seed),
            "validation_error_percent": str(validation_error(seed)),
        }
        run_id = self._client.get_logged_model(model_id).source_run_id
        created = self._client.create_model_version(
            self.name, source=f"models:/{model_id}", run_id=run_id, tags=tags, model_id=model_id
        )
        version = self._find_version(model_id) or created
        if created.version != version.version:  # another publisher was faster
            self._client.delete_model_version(self.name, created.version)
        # By this MLflow's pages lead from the run to the version.
        shown = json.dumps([{"name": self.name, "version": version.version}])
        self._client.set_logged_model_tags(model_id, {"mlflow.modelVersions": shown})
        return version


def _served_model(runs: Runs, variant: str, seed: SeedResult) -> str | None:
    """Return the id of a run's model for serving, exported if it was not before; None without a network to export."""
    run = runs.find(variant, seed.identity.digest)
    network = run.find_model(artifacts.NETWORK) if run else None
    if run is None or network is None:
        return None
    served = run.find_model(artifacts.SERVED)
    if served is None:
        example = np.array(json.loads(_EXAMPLE.read_text(encoding="utf-8"))["inputs"], np.uint8)
        write = partial(artifacts.served_model, network.model_id, versions=seed.identity.versions, example=example)
        served = run.attach_model(artifacts.SERVED, write)
    return served.model_id if served else None
