"""`make repro`: run what changed, publish it, show the comparison; `VARIANTS="…"` narrows it to some variants.

Where the data cannot be downloaded, the demo is run instead.
"""

import sys

from lenet import program
from lenet.commands import demo, dvc, pipeline
from lenet.mnist import datasets
from lenet.mnist.datasets import Dataset
from lenet.settings import load_settings
from lenet.tracking import mlflow_store


def show_demo_instead_of(dataset: Dataset) -> None:
    """Run the demo, and say before and after that it is not on the data set that was asked for."""
    shout(
        f"{dataset.title} could not be downloaded: the reasons are above. "
        f"Running `make demo` instead, on {demo.DATASET.title}."
    )
    demo.main()
    shout(
        f"The results above are on {demo.DATASET.title}. For {dataset.title}, connect to the internet or set "
        f"{dataset.mirror_variable}, and run `make repro` again."
    )


def shout(message: str) -> None:
    """Print a message between rules, so that it is not overlooked."""
    rule = "!" * len(message)
    print(f"\n{rule}\n{message}\n{rule}\n", flush=True)


@mlflow_store.one_warning()
def main() -> None:
    dvc.refuse_without_git()
    if not pipeline.reproduce(sys.argv[1:]):
        show_demo_instead_of(datasets.find(load_settings().data.dataset))


if __name__ == "__main__":
    program.run(main)
