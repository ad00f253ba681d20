"""The parameters, tags and data sets with which MLflow describes a run."""

import json

from mlflow.entities import Dataset, DatasetInput, InputTag

from lenet.runs.identity import RunIdentity, Setting
from lenet.runs.provenance import Provenance

_COMMIT_TAG = "mlflow.source.git.commit"  # MLflow's own name for the commit, which its pages show


def variant_parameters(variant: str, identity: RunIdentity) -> dict[str, Setting]:
    """Return the parameters that all seeds of a variant share.

    These are the variant's name, its settings and how the data was split.
    """
    split: dict[str, Setting] = {
        "dataset": identity.data.dataset,
        "validation_size": identity.data.validation_size,
        "split_seed": identity.data.split_seed,
    }
    if identity.data.fold:
        split["folds"] = identity.data.fold[1]
    return {**identity.settings, **split, "variant": variant}


def seed_parameters(variant: str, identity: RunIdentity) -> dict[str, Setting]:
    fold: dict[str, Setting] = {"fold": identity.data.fold[0]} if identity.data.fold else {}
    return variant_parameters(variant, identity) | {"seed": identity.seed} | fold


def identity_tags(variant: str, identity: RunIdentity) -> dict[str, str]:
    """Return a run's tags: variant, data set, digest of the code, versions of the libraries and kind of processor."""
    return {
        **identity.versions,
        "machine": identity.machine,
        "code": identity.code[:16],
        "variant": variant,
        "dataset": identity.data.dataset,
    }


def provenance_tags(provenance: Provenance) -> dict[str, str]:
    """Return the tags that say where a run was trained. The commit is tagged a second time, under MLflow's own name."""
    tags = dict(provenance.tags)
    return tags | ({_COMMIT_TAG: tags["git_commit"]} if "git_commit" in tags else {})


def dataset_inputs(identity: RunIdentity) -> list[DatasetInput]:
    """Return the training split and the validation split. A tag states the use of each split.

    The use of the training split is "train". The use of the validation split is "validation", or "train" if the run
    trains on this split too.
    """
    data = identity.data
    trained_on_both = identity.settings.get("train_on") == "train_and_validation"
    return [
        _dataset_input(identity, "train", data.train_md5, "train"),
        _dataset_input(identity, "validation", data.validation_md5, "train" if trained_on_both else "validation"),
    ]


def _dataset_input(identity: RunIdentity, split: str, md5: str, use: str) -> DatasetInput:
    dataset = Dataset(
        name=f"{identity.data.dataset} {split}",
        digest=md5,
        source_type="dvc",
        source=json.dumps({"path": f"data/processed/{split}.npz", "md5": md5}),
        profile=json.dumps({"validation_size": identity.data.validation_size, "split_seed": identity.data.split_seed}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", use)])
