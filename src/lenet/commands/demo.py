"""`make demo`: `make repro` on the bundled digits, with few variants, in a folder of its own: .demo/.

Its variants are those of the primary comparison; VARIANTS="…" chooses others. The checkout stays as it is. Run store
and MLflow store are the checkout's. Another `make demo` does only what changed.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML

from lenet import program
from lenet.commands import pipeline
from lenet.mnist import datasets
from lenet.settings import Settings, load_settings
from lenet.tracking import mlflow_store
from lenet.workspace import DEMO, PARAMS, README, SWEEPS, project_root

T = TypeVar("T")

DATASET = datasets.find("digits")  # it needs no network
SEEDS = (0, 1, 2)
_DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"


def demo_settings(study: Settings, chosen: Sequence[str]) -> Settings:
    """Return the study's settings with the bundled digits, few seeds, some variants, and what can be compared of them.

    chosen: the variants' names; none for the demo's own. Raises LabError for an unknown one.
    """
    compared = study.comparison
    names = set(chosen) or set(compared.primary) or set(study.variants)
    for name in names:
        study.variant(name)

    def of_the_demo(by_variant: Mapping[str, T]) -> dict[str, T]:
        return {name: value for name, value in by_variant.items() if name in names}

    variants = of_the_demo(study.variants)
    comparison = {
        "primary": compared.primary if names.issuperset(compared.primary) else (),
        "original": compared.original if compared.original in names else None,
        "ladder": tuple(of_the_demo(dict.fromkeys(compared.ladder))) or tuple(variants)[:1],
        "factorial": (),
        "published": of_the_demo(compared.published),
        "sweeps": (),
    }
    return study.model_copy(
        update={
            "data": study.data.model_copy(update={"dataset": DATASET.name}),
            "seeds": SEEDS,
            "variants": variants,
            "about": of_the_demo(study.about),
            "comparison": compared.model_copy(update=comparison),
        }
    )


def write_workspace(folder: Path, settings: Settings) -> None:
    """Make `folder` a DVC repository with these settings and this checkout's pipeline and code; keep its results."""
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    (folder / ".dvc/config").write_text(_DVC_CONFIG, encoding="utf-8")
    for name in (".dvcignore", "dvc.yaml", README):
        shutil.copy(name, folder)
    for name in ("src", SWEEPS):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    YAML().dump(settings.model_dump(mode="json"), folder / PARAMS)


@mlflow_store.one_warning()
def main() -> None:
    settings = demo_settings(load_settings(), sys.argv[1:])
    write_workspace(DEMO, settings)
    os.environ["DVC_ROOT"] = str(project_root())  # whose run store and MLflow store the demo uses
    with chdir(DEMO):
        pipeline.reproduce([])


if __name__ == "__main__":
    program.run(main)
