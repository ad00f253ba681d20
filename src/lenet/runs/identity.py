"""Who a run is: digests of its settings, data, code and of the versions that its bits depend on.

The identity goes into run.json, a file that DVC tracks, so nothing in it differs between machines or moments.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lenet.mnist import splits
from lenet.runs import code
from lenet.settings import Settings

# The libraries that a run's bits depend on. Not Python: it hands arrays over and computes none.
_LIBRARIES = ("keras", "numba", "numpy", "scikit-learn", "tensorflow")


@dataclass(frozen=True)
class RunIdentity:
    """Everything that decides a run's bits."""

    variant: str
    seed: int
    settings: Mapping[str, object]
    data: Mapping[str, object]
    code: str
    versions: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of the whole identity: equal for equal runs, on any machine."""
        return _sha256(asdict(self))

    @property
    def family(self) -> str:
        """SHA-256 of all but the seed: equal for the seeds of one variant, so that a new seed joins them."""
        return _sha256({key: value for key, value in asdict(self).items() if key != "seed"})


def identify(settings: Settings, variant: str, statistics: splits.Statistics) -> list[RunIdentity]:
    """Return the identity of each of a variant's runs, in the order of the seeds."""
    described = {
        "dataset": statistics.dataset,
        "validation_size": statistics.validation_size,
        "split_seed": statistics.split_seed,
        "train_md5": splits.md5("train"),
        "validation_md5": splits.md5("validation"),
    }
    digest_of_code = _sha256(code.digests("train"))
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    flat = settings.variant(variant).model_dump()
    return [RunIdentity(variant, seed, flat, described, digest_of_code, versions) for seed in settings.seeds]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
