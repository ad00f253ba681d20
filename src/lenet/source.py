"""Which local modules can change what a stage computes: found by following the imports, exempt ones left out."""

import ast
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parent

# Modules that no stage names in its `deps`, because they cannot change a result. A test holds dvc.yaml against the
# imports and this list.
EXEMPT = {
    "config": "checks settings; the values that a stage reads are its `params`",
    "engine": "decides where a run executes, and a run gives the same bits everywhere",
    "errors": "messages",
    "moment": "what differs between machines and moments, kept out of every tracked file",
    "progress": "what a person sees meanwhile",
    "publish": "copies results to MLflow and reads nothing back",
    "source": "lists the modules; what is in them counts",
    "store": "is the MLflow store, from which nothing is read back",
    "tracking": "copies progress to MLflow and reads nothing back",
    "workspace": "names of files, which dvc.yaml names too",
}


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


def digests(stage: str) -> dict[str, str]:
    """Return path → SHA-256 of the file, for all of a stage's local modules."""
    files = (PACKAGE / f"{module}.py" for module in local_modules(stage))
    return {f"src/lenet/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _local_imports(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "lenet":
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lenet."):
            names.append(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lenet.")]
    return names
