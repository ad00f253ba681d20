"""`make demo`: run `make repro` on the bundled digits with few variants, in the folder .demo/.

By default, the variants are those of the primary comparison in params.yaml; VARIANTS="…" chooses other variants. The
checkout's own results do not change. The demo uses the checkout's run store and MLflow store. A second `make demo` runs
only what changed.
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


def demo_settings(study_settings: Settings, requested: Sequence[str]) -> Settings:
    """Return a copy of the study's settings for the demo: the bundled digits, few seeds and only some variants.

    requested: names of variants. If empty, the variants of the primary comparison are chosen, or all variants if there
    is no primary comparison. Comparisons that need other variants are left out. Raises LabError if a name is unknown.
    """
    comparison = study_settings.comparison
    names = set(requested) or set(comparison.primary) or set(study_settings.variants)
    for name in names:
        study_settings.variant(name)

    def keep_named(by_variant: Mapping[str, T]) -> dict[str, T]:
        return {name: value for name, value in by_variant.items() if name in names}

    variants = keep_named(study_settings.variants)
    demo_comparison = {
        "primary": comparison.primary if names.issuperset(comparison.primary) else (),
        "original": comparison.original if comparison.original in names else None,
        "ladder": tuple(keep_named(dict.fromkeys(comparison.ladder))) or tuple(variants)[:1],
        "factorial": (),
        "published": keep_named(comparison.published),
        "sweeps": (),
    }
    return study_settings.model_copy(
        update={
            "data": study_settings.data.model_copy(update={"dataset": DATASET.name}),
            "seeds": SEEDS,
            "variants": variants,
            "about": keep_named(study_settings.about),
            "comparison": comparison.model_copy(update=demo_comparison),
        }
    )


def write_workspace(folder: Path, settings: Settings) -> None:
    """Make `folder` a DVC repository with these settings and with copies of the checkout's pipeline and code.

    Results of an earlier demo in `folder` are kept.
    """
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    (folder / ".dvc/config").write_text(_DVC_CONFIG, encoding="utf-8")
    for name in (".dvcignore", "dvc.yaml", README):
        shutil.copy(name, folder)
    for name in ("src", SWEEPS):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    YAML().dump(settings.model_dump(mode="json"), folder / PARAMS)


@mlflow_store.disable_after_failure()
def main() -> None:
    settings = demo_settings(load_settings(), sys.argv[1:])
    write_workspace(DEMO, settings)
    os.environ["DVC_ROOT"] = str(project_root())  # the demo uses the checkout's run store and MLflow store
    with chdir(DEMO):
        pipeline.reproduce([])


if __name__ == "__main__":
    program.run(main)
