"""Which modules can change what a stage or a run computes: all that it imports, directly or not, but the exempt ones.

A digest of code is one of what it means, so that an edited comment trains nothing anew.
"""

import hashlib
import json

from lenet.imports import PACKAGE, file_of, reached_from
from lenet.runs.meaning import digest_of_meaning

# What no stage names in its `deps`, because it cannot change a result. A test holds dvc.yaml against the imports and
# this list.
EXEMPT = {
    "errors": "messages",
    "execution": "decides where a run executes, and a run gives the same bits everywhere",
    "imports": "finds modules; what is in them counts",
    "settings": "checks settings; the values that a stage reads are its `params`",
    "tracking": "copies results to MLflow and reads nothing back",
    "workspace": "names of files, which dvc.yaml names too",
}

# Where a run begins, and by its optimizer the module that trains it: an edit of the other one cannot change it.
_RUN = "training.one_run"
_TRAINERS = {
    "sdlm": "training.sdlm",
    "sgd": "training.gradient_descent",
    "adam": "training.gradient_descent",
    "muon": "training.gradient_descent",
}


def modules_of(stage: str) -> list[str]:
    """Return the modules that can change what a stage computes, as in "network.model", its own included."""
    return reached_from([stage], _can_change)


def modules_of_run(optimizer: str) -> list[str]:
    """Return the modules that can change the bits of a run with that optimizer."""
    others = set(_TRAINERS.values()) - {_TRAINERS[optimizer]}
    return reached_from([_RUN], lambda module: _can_change(module) and module not in others)


def digests(stage: str) -> dict[str, str]:
    """Return path → digest of what the file means, for all modules that can change what a stage computes."""
    return _digests(modules_of(stage))


def digest_of_run(optimizer: str) -> str:
    """Return one digest of all code that can change the bits of a run with that optimizer, as the files are now."""
    return hashlib.sha256(json.dumps(_digests(modules_of_run(optimizer)), sort_keys=True).encode()).hexdigest()


def digests_of_runs() -> dict[str, str]:
    """Return `digest_of_run` for each optimizer."""
    return {optimizer: digest_of_run(optimizer) for optimizer in _TRAINERS}


def _can_change(module: str) -> bool:
    return module.partition(".")[0] not in EXEMPT


def _digests(modules: list[str]) -> dict[str, str]:
    files = map(file_of, modules)
    return {
        f"src/lenet/{file.relative_to(PACKAGE).as_posix()}": digest_of_meaning(file.read_text(encoding="utf-8"))
        for file in files
    }
