"""Who a run is: digests of its settings, data, code and of the versions that its bits depend on.

The identity goes into run.json, a file that DVC tracks, so nothing in it differs between machines or moments.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from lenet import data, source
from lenet.config import Settings, load_settings
from lenet.errors import LabError

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


def identify(settings: Settings, variant: str, statistics: data.Statistics) -> list[RunIdentity]:
    """Return the identity of each of a variant's runs, in the order of the seeds."""
    described = {
        "dataset": statistics.dataset,
        "validation_size": statistics.validation_size,
        "split_seed": statistics.split_seed,
        "train_md5": data.md5("train"),
        "validation_md5": data.md5("validation"),
    }
    code = _sha256(source.digests("train"))
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    flat = settings.variant(variant).model_dump()
    return [RunIdentity(variant, seed, flat, described, code, versions) for seed in settings.seeds]


@contextmanager
def unchanged_meanwhile(stage: str, variant: str) -> Iterator[None]:
    """Raise LabError after the block if the stage's code or settings were edited while it ran.

    DVC hashes dependencies when a stage ends: it would record the edit as what ran.
    """
    before = _fingerprint(stage, variant)
    yield
    after = _fingerprint(stage, variant)
    edited = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if edited:
        raise LabError(
            f"{', '.join(edited)} changed while {stage}@{variant} ran, so nothing was kept: run `dvc repro` again"
        )


def _fingerprint(stage: str, variant: str) -> dict[str, str]:
    settings = load_settings()
    relevant = {"seeds": settings.seeds, "variant": settings.variant(variant).model_dump()}
    return source.digests(stage) | {"params.yaml": _sha256(relevant)}


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
