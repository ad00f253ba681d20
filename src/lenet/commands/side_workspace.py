"""Side workspaces: folders beside the checkout's own data and results, with other settings, in which DVC's stages run.

`make demo` has one, and each data set that a sweep uses and the study does not. They use the checkout's run store and
MLflow store.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from ruamel.yaml import YAML

from lenet.runs import run_store
from lenet.settings import Settings
from lenet.workspace import DATASETS, PARAMS, README, SWEEPS, project_root

_DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"


def write(folder: Path, settings: Settings) -> None:
    """Make `folder` a DVC repository with these settings and with copies of the checkout's pipeline and code.

    Earlier data and results in `folder` are kept.
    """
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    (folder / ".dvc/config").write_text(_DVC_CONFIG, encoding="utf-8")
    for name in (".dvcignore", "dvc.yaml", README):
        shutil.copy(name, folder)
    for name in ("src", SWEEPS):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    YAML().dump(settings.model_dump(mode="json"), folder / PARAMS)


@contextmanager
def entered(folder: Path) -> Iterator[None]:
    """Make the side workspace the current folder in the `with` block."""
    before = os.environ.get("DVC_ROOT")
    os.environ["DVC_ROOT"] = str(project_root())
    try:
        with chdir(folder):
            yield
    finally:
        del os.environ["DVC_ROOT"]
        if before is not None:
            os.environ["DVC_ROOT"] = before


def workspace_of(dataset: str, settings: Settings) -> Path:
    """Return the workspace that holds a data set: the checkout if the study uses it, else .datasets/<dataset>/."""
    return Path() if dataset == settings.data.dataset else DATASETS / dataset


def prepare(dataset: str, settings: Settings) -> Path:
    """Write the workspace that holds a data set, unless it is the checkout; return the workspace."""
    folder = workspace_of(dataset, settings)
    if folder != Path():
        data = settings.data.model_copy(update={"dataset": dataset})
        with run_store.lock("dvc"):  # while a stage runs there, its code stays as it is
            write(folder, settings.model_copy(update={"data": data}))
    return folder
