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
    os.environ["DVC_ROOT"] = str(project_root())
    with chdir(folder):
        yield


@contextmanager
def with_dataset(dataset: str, settings: Settings) -> Iterator[None]:
    """In the `with` block, the current folder is the workspace whose data/ is for this data set.

    This is the checkout if the study uses the data set, otherwise a side workspace.
    """
    if dataset == settings.data.dataset:
        yield
        return
    data = settings.data.model_copy(update={"dataset": dataset})
    write(DATASETS / dataset, settings.model_copy(update={"data": data}))
    with entered(DATASETS / dataset):
        yield
