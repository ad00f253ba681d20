"""`make demo`: `make repro` on the bundled digits, with few variants, in a folder of its own: .demo/.

The checkout stays as it is. Run store and MLflow store are the checkout's. Another `make demo` does only what changed.
"""

import os
import shutil
from contextlib import chdir
from pathlib import Path

from ruamel.yaml import YAML

from lenet import errors
from lenet.commands import pipeline
from lenet.commands.compiling import compiling_ahead
from lenet.errors import LabError
from lenet.mnist import datasets
from lenet.settings import Settings, load_settings
from lenet.tracking import mlflow_store
from lenet.workspace import LOCK, PARAMS, README, SWEEPS, project_root

DATASET = datasets.find("digits")  # it needs no network
FOLDER = Path(".demo")
# Two variants by gradient descent, whose comparison is the study's headline, and the network of the paper.
VARIANTS = ("tanh_sgd", "relu_adam", "lenet5_1998")
SEEDS = (0, 1, 2)
_DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"


def demo_settings(study: Settings) -> Settings:
    """Return the study's settings with the bundled digits, few seeds and variants, and what can be compared of them.

    Raises LabError where the study has none of the demo's variants.
    """
    compared, variants = study.comparison, _of_the_demo(study.variants)
    if not variants:
        raise LabError(f"{PARAMS} has none of the demo's variants: keep one of {', '.join(VARIANTS)}")
    known = {
        "primary": compared.primary if variants.keys() >= set(compared.primary) else (),
        "ladder": tuple(name for name in compared.ladder if name in variants) or tuple(variants)[:1],
        "factorial": (),
        "published": _of_the_demo(compared.published),
        "sweeps": (),
    }
    return study.model_copy(
        update={
            "data": study.data.model_copy(update={"dataset": DATASET.name}),
            "seeds": SEEDS,
            "about": _of_the_demo(study.about),
            "variants": variants,
            "comparison": compared.model_copy(update=known),
        }
    )


def _of_the_demo(by_variant: dict) -> dict:
    return {name: value for name, value in by_variant.items() if name in VARIANTS}


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
    settings = demo_settings(load_settings())
    to_compile = [] if (FOLDER / LOCK).is_file() else settings.variants.values()
    write_workspace(FOLDER, settings)
    os.environ["DVC_ROOT"] = str(project_root())  # whose run store and MLflow store the demo uses
    with chdir(FOLDER), compiling_ahead(to_compile):
        pipeline.run([])


if __name__ == "__main__":
    errors.run(main)
