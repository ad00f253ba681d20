"""Who a run is: digests of its settings, data, code and of the versions that its bits depend on.

The identity goes into run.json, a file that DVC tracks, so nothing in it differs between machines or moments.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lenet.mnist import splits
from lenet.runs import code
from lenet.settings import Settings

# A setting of a variant, as JSON and MLflow hold it.
Setting = str | int | float

# The libraries that a run's bits depend on. Not Python: it hands arrays over and computes none.
_LIBRARIES = ("keras", "numba", "numpy", "scikit-learn", "tensorflow")


@dataclass(frozen=True)
class DataIdentity:
    """The digits that a run sees: their data set, how it was split, and the MD5 of the files of both splits."""

    dataset: str
    validation_size: float
    split_seed: int
    train_md5: str
    validation_md5: str


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides a run's bits. `settings` are the variant's, by name, as they were when it ran."""

    variant: str
    seed: int
    settings: Mapping[str, Setting]
    data: DataIdentity
    code: str
    versions: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of the whole identity: equal for equal runs, on any machine."""
        return _sha256(asdict(self))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "RunIdentity":
        """Return the identity that `asdict` made of one; raise TypeError or KeyError where it is none."""
        return cls(**{**raw, "data": DataIdentity(**raw["data"])})

    @property
    def family(self) -> str:
        """SHA-256 of all but the seed: equal for the seeds of one variant, so that a new seed joins them."""
        return _sha256({key: value for key, value in asdict(self).items() if key != "seed"})


def identify(settings: Settings, variant: str, statistics: splits.Statistics) -> list[RunIdentity]:
    """Return the identity of each of a variant's runs, in the order of the seeds."""
    digits = DataIdentity(
        dataset=statistics.dataset,
        validation_size=statistics.validation_size,
        split_seed=statistics.split_seed,
        train_md5=splits.md5("train"),
        validation_md5=splits.md5("validation"),
    )
    digest_of_code = _sha256(code.digests("train"))
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    flat = settings.variant(variant).model_dump()
    return [RunIdentity(variant, seed, flat, digits, digest_of_code, versions) for seed in settings.seeds]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
