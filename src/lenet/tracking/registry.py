"""Register the champion and the baseline in MLflow's model registry.

The champion is the run with the lowest validation error among the runs of all variants. The baseline is the run with
the lowest validation error among the runs of the baseline variant. Each data set has its own registered model, so a
network trained on MNIST never replaces a network trained on other images. Each version of a registered model stores the
id of a logged model. If a logged model is registered twice, the second time changes nothing.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from lenet.evaluation.champion import ranked_runs, validation_error
from lenet.evaluation.results import SeedResult, VariantResult
from lenet.mnist import datasets
from lenet.report import model_card
from lenet.settings import Settings
from lenet.tracking import artifacts, mlflow_store, pages
from lenet.tracking.pages import WRITTEN_TAG
from lenet.tracking.runs import ExperimentRuns

CHAMPION, BASELINE = "champion", "baseline"
_EXAMPLE = Path(__file__).parents[3] / "digit.json"  # the first digit of MNIST's test set


def assign_aliases(results: Sequence[VariantResult], settings: Settings) -> None:
    """For each data set, give the aliases champion and baseline to the best runs. Print which alias has moved.

    The champion is the best run of all variants, the baseline is the best run of the baseline variant.
    """
    for dataset in dict.fromkeys(result.dataset for result in results):
        candidates = [result for result in results if result.dataset == dataset]
        baseline = [result for result in candidates if result.variant == settings.comparison.baseline]
        registry = Registry(dataset)
        for alias, eligible in ((CHAMPION, candidates), (BASELINE, baseline)):
            registry.assign(alias, eligible, settings.about)


class Registry:
    """The registered model of one data set."""

    def __init__(self, dataset: str) -> None:
        self.name = datasets.find(dataset).model_name
        self._dataset = dataset
        self._client = mlflow_store.open_client()

    def champion_uri(self) -> str | None:
        """Return MLflow's address of the champion, or None if there is none."""
        return f"models:/{self.name}@{CHAMPION}" if CHAMPION in self._aliases() else None

    def assign(self, alias: str, results: Sequence[VariantResult], about: Mapping[str, str]) -> None:
        """Give the alias to the best run whose network is in the MLflow store. Print a line if the alias moves.

        The alias names a model for serving. If the best run has no such model in the MLflow store yet, the model is
        exported from the run's network. The export takes seconds.
        """
        mlflow_runs = ExperimentRuns(pages.study_experiment(self._dataset))
        for result, seed in ranked_runs(results) if mlflow_runs.have_models(artifacts.NETWORK) else ():
            if model_id := _find_or_export_model(mlflow_runs, result.variant, seed):
                card = model_card.card(result, seed, about.get(result.variant, ""))
                version = self._find_or_create_version(result.variant, seed, model_id, card)
                if self._aliases().get(alias) != version:
                    self._client.set_registered_model_alias(self.name, alias, version)
                    run = f"{result.variant} seed {seed.identity.seed}"
                    print(f"{run} is the {alias}: version {version} of {self.name}", file=sys.stderr)
                return

    def _find_model(self) -> RegisteredModel | None:
        models = self._client.search_registered_models(f"name = '{self.name}'")
        return models[0] if models else None

    def _aliases(self) -> dict[str, str]:
        """Return the aliases of the registered model: alias → version."""
        model = self._find_model()
        return {alias: str(version) for alias, version in model.aliases.items()} if model else {}

    def _find_or_create_version(self, variant: str, seed: SeedResult, model_id: str, card: str) -> str:
        """Return the registered version of a logged model. Create the version if it is missing.

        card: the model card, which becomes the version's description.
        """
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
        """Return the oldest registered version of a logged model, or None if the logged model has no version."""
        versions = self._client.search_model_versions(f"name = '{self.name}'")
        matching = [version for version in versions if version.source == f"models:/{model_id}"]
        return min(matching, key=lambda version: int(version.version), default=None)

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
        # This tag makes the MLflow run's page link to the version.
        versions_json = json.dumps([{"name": self.name, "version": version.version}])
        self._client.set_logged_model_tags(model_id, {"mlflow.modelVersions": versions_json})
        return version


def _find_or_export_model(mlflow_runs: ExperimentRuns, variant: str, seed: SeedResult) -> str | None:
    """Return the id of a run's model for serving.

    If this model is missing, export it from the run's network in the MLflow store. If the MLflow store does not have
    the network, return None.
    """
    mlflow_run = mlflow_runs.find(variant, seed.identity.digest)
    network = mlflow_run.find_model(artifacts.NETWORK) if mlflow_run else None
    if mlflow_run is None or network is None:
        return None
    served = mlflow_run.find_model(artifacts.SERVED)
    if served is None:
        example = np.array(json.loads(_EXAMPLE.read_text(encoding="utf-8"))["inputs"], np.uint8)
        write_model = partial(
            artifacts.served_model, network.model_id, versions=seed.identity.versions, example=example
        )
        served = mlflow_run.attach_model(artifacts.SERVED, write_model)
    return served.model_id if served else None
