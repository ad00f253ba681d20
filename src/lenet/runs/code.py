"""Which modules can change what a stage computes: all that it imports, directly or not, except the exempt ones."""

import hashlib

from lenet.imports import PACKAGE, file_of, reached_from

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


def modules_of(stage: str) -> list[str]:
    """Return the modules that can change what a stage computes, as in "network.model", its own included."""
    return reached_from([stage], lambda module: module.partition(".")[0] not in EXEMPT)


def digests(stage: str) -> dict[str, str]:
    """Return path → SHA-256 of the file, for all modules that can change what a stage computes."""
    files = map(file_of, modules_of(stage))
    return {
        f"src/lenet/{file.relative_to(PACKAGE).as_posix()}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }
