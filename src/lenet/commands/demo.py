"""`make demo`: run `make repro` on the bundled digits with few variants, in the folder .demo/.

By default, the variants are those of the primary comparison in params.yaml; VARIANTS="…" chooses other variants. The
checkout's own results do not change. The demo uses the checkout's run store and MLflow store. A second `make demo` runs
only what changed.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TypeVar

from lenet import program
from lenet.commands import pipeline, side_workspace
from lenet.mnist import datasets
from lenet.settings import Settings, load_settings
from lenet.tracking import mlflow_store
from lenet.workspace import DEMO

T = TypeVar("T")

DATASET = datasets.find("digits")  # it needs no network
SEEDS = (0, 1, 2)


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


@mlflow_store.disable_after_failure()
def main() -> None:
    settings = demo_settings(load_settings(), sys.argv[1:])
    side_workspace.write(DEMO, settings)
    with side_workspace.entered(DEMO):
        pipeline.reproduce([])


if __name__ == "__main__":
    program.run(main)
