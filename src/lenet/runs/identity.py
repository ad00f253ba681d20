"""The identity of a run: everything that determines the run's results, bit for bit.

The identity is stored in run.json, a file that DVC tracks. If the run is trained again, even on another machine with
the same kind of processor, this file must not change. So the identity contains no times and no names of machines. It
does not contain the variant's name either, so that renaming a variant trains nothing.
"""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lenet.runs import code
from lenet.settings import Variant

# The value of a setting, in a type that JSON and MLflow can hold.
Setting = str | int | float
# The fold's number, counted from 1, and the number of folds.
Fold = tuple[int, int]

# The libraries that a run's bits depend on. Python is not among them: it only passes arrays from one to another.
_LIBRARIES = ("h5py", "keras", "llvmlite", "numba", "numpy", "scikit-learn", "tensorflow")


@dataclass(frozen=True)
class DataIdentity:
    """The identity of a run's data: the data set, how it was split, and the MD5s of the train and the validation split.

    pixel_mean, pixel_sd: mean and standard deviation of the training split's pixels (0–255), used to scale a network's
    input. fold: the fold of a sweep's cross-validation, or None without cross-validation. A fold divides the images of
    both splits anew.
    """

    dataset: str
    validation_size: float
    split_seed: int
    train_md5: str
    validation_md5: str
    pixel_mean: float
    pixel_sd: float
    fold: Fold | None


@dataclass(frozen=True)
class RunIdentity:
    """Everything that determines a run's results, bit for bit.

    settings: the recipe's settings, name → value. code: the digest of the code (`code.py`). versions: library →
    version. machine: the kind of processor, such as x86_64.
    """

    seed: int
    settings: Mapping[str, Setting]
    data: DataIdentity
    code: str
    versions: Mapping[str, str]
    machine: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole identity: equal for equal runs, wherever they are trained."""
        return _sha256(asdict(self))

    @property
    def family(self) -> str:
        """The SHA-256 of the identity without its seed and fold.

        Runs that differ only in seed and fold have the same family. So a run from a new seed joins the group of the
        recipe's other runs.
        """
        shared_parts = {key: value for key, value in asdict(self).items() if key != "seed"}
        data = self.data
        if data.fold is not None:
            shared_parts["data"] = [data.dataset, data.validation_size, data.split_seed, data.fold[1]]
        return _sha256(shared_parts)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "RunIdentity":
        """Convert the result of `asdict` back to an identity; raise TypeError or KeyError if `raw` does not fit."""
        fold = raw["data"].get("fold")
        return cls(**{**raw, "data": DataIdentity(**{**raw["data"], "fold": fold and tuple(fold)})})


def library_versions() -> dict[str, str]:
    """Return the installed version of each library that can change a run's results, if only by one bit."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def identify_runs(recipe: Variant, seeds: Iterable[int], data: DataIdentity) -> list[RunIdentity]:
    """Return the identities of a recipe's runs, in the order of the seeds, with the digest of the current code."""
    digest_of_code, versions = code.code_digest(recipe.optimizer), library_versions()
    settings = recipe.model_dump()
    return [RunIdentity(seed, settings, data, digest_of_code, versions, platform.machine()) for seed in seeds]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
