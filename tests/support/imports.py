"""Find the modules of this package that a module imports, by reading the module's source.

Imports inside functions count. A module is named by its path in the package, as in "network.model".
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from support.paths import ROOT

PACKAGE = ROOT / "src/lenet"

# Modules that no stage lists in its `deps`, because they cannot change a result, and why.
EXEMPT = {
    "errors": "messages",
    "program": "how a program ends",
    "execution": "decides where a run executes, and a run gives the same bits everywhere",
    "settings": "checks settings; the values that a stage reads are its `params`",
    "tracking": "copies results to MLflow and reads nothing back",
    "workspace": "paths of files, which dvc.yaml has too",
}


def imports_of(module: str) -> Iterator[str]:
    """Yield the modules of this package that a module imports directly."""
    for node in _statements(file_of(module)):
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
            imported = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from ((name if _exists(name) else str(node.module)).removeprefix("lenet.") for name in imported)
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("lenet.") for alias in node.names if _is_ours(alias.name))


@cache
def _statements(file: Path) -> list[ast.Import | ast.ImportFrom]:
    """Return a file's import statements."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def reached_from(modules: Iterable[str], without: str = "") -> set[str]:
    """Return these modules and all modules that they import, directly or indirectly.

    The modules in `EXEMPT` and the module `without` are left out, and their imports are not followed.
    """
    reached: set[str] = set()
    to_visit = list(modules)
    while to_visit:
        module = to_visit.pop()
        if module not in reached and module != without and module.partition(".")[0] not in EXEMPT:
            reached.add(module)
            to_visit += imports_of(module)
    return reached


def file_of(module: str) -> Path:
    """Return the file of a module."""
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def all_modules() -> list[str]:
    """Return every module of this package except the `__init__` modules."""
    files = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    return sorted(".".join(file.parts) for file in files)


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == "lenet"


def _exists(name: str) -> bool:
    return file_of(name.removeprefix("lenet.")).is_file()
