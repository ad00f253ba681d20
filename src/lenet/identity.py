"""Who a run is: digests of its settings, data, code and of the versions that its bits depend on.

The identity goes into run.json, a file that DVC tracks, so nothing in it differs between machines or moments.
"""

import ast
import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lenet import data
from lenet.config import Settings, load_settings
from lenet.errors import LabError

PACKAGE = Path(__file__).parent

# Local modules that no stage names in its `deps`, because they cannot change a result. A test holds dvc.yaml
# against the imports and this list.
EXEMPT = {
    "__init__": "a docstring",
    "config": "checks settings; the values that a stage reads are its `params`",
    "engine": "decides where a run executes, and a run gives the same bits everywhere",
    "errors": "messages",
    "progress": "what a person sees meanwhile",
    "tracking": "copies results to MLflow and reads nothing back",
    "workspace": "names of files, which dvc.yaml names too",
}

# The libraries that a run's bits depend on. Not Python: it hands arrays over and computes none.
_LIBRARIES = ("keras", "numpy", "scikit-learn", "tensorflow")


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
    code = code_digest("train")
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
        raise LabError(f"{', '.join(edited)} changed while {stage}@{variant} ran, so nothing was kept: run `dvc repro` again")


def code_digest(stage: str) -> str:
    """Return the SHA-256 of all code that can change what a stage computes."""
    return _sha256(_code_of(stage))


def local_modules(stage: str) -> list[str]:
    """Return the local modules that can change what a stage computes, its own included, without the exempt ones.

    Follows the imports as they stand in the source, also those inside functions.
    """
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        module = waiting.pop()
        if module not in found and module not in EXEMPT:
            found.add(module)
            waiting += _local_imports(PACKAGE / f"{module}.py")
    return sorted(found)


def _local_imports(source: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "lenet":
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lenet."):
            names.append(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lenet.")]
    return names


def _code_of(stage: str) -> dict[str, str]:
    files = (PACKAGE / f"{module}.py" for module in local_modules(stage))
    return {f"src/lenet/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _fingerprint(stage: str, variant: str) -> dict[str, str]:
    settings = load_settings()
    relevant = {"seeds": settings.seeds, "variant": settings.variant(variant).model_dump()}
    return _code_of(stage) | {"params.yaml": _sha256(relevant)}


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
