"""`make repro`: run what changed, publish the results, print the comparison. `VARIANTS="…"` selects some variants.

If the data cannot be downloaded, the demo runs instead.
"""

import sys

from lenet import program
from lenet.commands import demo, dvc, pipeline
from lenet.mnist import datasets
from lenet.mnist.datasets import Dataset
from lenet.settings import load_settings
from lenet.tracking import mlflow_store


def show_demo_instead_of(dataset: Dataset) -> None:
    """Run the demo. Messages before and after the demo say that its results are not on the requested data set."""
    shout(
        f"{dataset.title} could not be downloaded, for the reasons above. "
        f"Running `make demo` instead, on {demo.DATASET.title}."
    )
    demo.main()
    shout(
        f"The results above are on {demo.DATASET.title}. For results on {dataset.title}, connect to the internet "
        f"or set {dataset.mirror_variable}, and run `make repro` again."
    )


def shout(message: str) -> None:
    """Print a message between two lines of exclamation marks, so that nobody overlooks it."""
    rule = "!" * len(message)
    print(f"\n{rule}\n{message}\n{rule}\n", flush=True)


@mlflow_store.disable_after_failure()
def main() -> None:
    dvc.refuse_without_git()
    if not pipeline.reproduce(sys.argv[1:]):
        show_demo_instead_of(datasets.find(load_settings().data.dataset))


if __name__ == "__main__":
    program.run(main)
