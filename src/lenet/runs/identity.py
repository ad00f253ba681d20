"""Who a run is: everything that decides its bits.

The identity goes into run.json, a file that DVC tracks, so nothing in it differs between moments or between machines
of one kind. The name of a variant is no part of it: a variant that is renamed trains nothing.
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

# A setting of a variant, as JSON and MLflow hold it.
Setting = str | int | float
# Which fold, counted from 1, of how many.
Fold = tuple[int, int]

# The libraries that a run's bits depend on. Not Python: it hands arrays over and computes none.
_LIBRARIES = ("h5py", "keras", "llvmlite", "numba", "numpy", "scikit-learn", "tensorflow")


@dataclass(frozen=True)
class DataIdentity:
    """The digits that a run sees: their data set, how it was split, the MD5 of both splits.

    And mean and standard deviation of the training split's pixels, 0–255, by which networks scale them. fold: of all
    digits of both splits, in a sweep's cross-validation.
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
    """Everything that decides a run's bits. `settings` are its variant's, by name, as they were when it ran.

    code: digest of what the code means. machine: the kind of processor, as in x86_64.
    """

    seed: int
    settings: Mapping[str, Setting]
    data: DataIdentity
    code: str
    versions: Mapping[str, str]
    machine: str

    @property
    def digest(self) -> str:
        """SHA-256 of the whole identity: equal for equal runs, wherever they are trained."""
        return _sha256(asdict(self))

    @property
    def family(self) -> str:
        """SHA-256 of all but seed and fold: equal for the runs of one variant, so that a new seed joins them."""
        shared = {key: value for key, value in asdict(self).items() if key != "seed"}
        data = self.data
        if data.fold is not None:
            shared["data"] = [data.dataset, data.validation_size, data.split_seed, data.fold[1]]
        return _sha256(shared)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "RunIdentity":
        """Return the identity that `asdict` made of one; raise TypeError or KeyError where it is none."""
        fold = raw["data"].get("fold")
        return cls(**{**raw, "data": DataIdentity(**{**raw["data"], "fold": fold and tuple(fold)})})


def library_versions() -> dict[str, str]:
    """Return the versions, here, of the libraries that a run's bits depend on."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def identify(recipe: Variant, seeds: Iterable[int], data: DataIdentity) -> list[RunIdentity]:
    """Return the identity of a recipe's run from each of the seeds, in their order, with the code as it is now."""
    digest_of_code, versions = code.digest_of_run(recipe.optimizer), library_versions()
    settings = recipe.model_dump()
    return [RunIdentity(seed, settings, data, digest_of_code, versions, platform.machine()) for seed in seeds]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
