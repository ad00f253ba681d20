"""`make repro`: run what changed, publish it, show the comparison; `VARIANTS="…"` narrows it to some variants."""

import sys

from lenet import errors
from lenet.commands import demo, foreground
from lenet.errors import LabError
from lenet.evaluation.study import load_study
from lenet.mnist import datasets
from lenet.mnist.datasets import Dataset
from lenet.mnist.mirrors import unreachable_note
from lenet.report import readme, tables, terminal
from lenet.settings import Settings, load_settings
from lenet.tracking import failures, publish
from lenet.workspace import PAGE, remove_orphans


def reproduce(targets: list[str]) -> bool:
    """Run `dvc repro`; return False if the data cannot be downloaded; raise LabError if anything else fails."""
    note = unreachable_note()
    note.unlink(missing_ok=True)
    if foreground.run([sys.executable, "-m", "dvc", "repro", *targets]) == 0:
        return True
    if note.is_file():
        return False
    raise LabError(
        "the pipeline stopped: see the message above; what finished before is kept, "
        "and the same command goes on from there"
    )


def rounds(settings: Settings, variants: list[str]) -> list[list[str]]:
    """Return the targets of each `dvc repro` that brings `variants`, or without any the whole study, up to date.

    DVC trains everything before it evaluates anything, so params.yaml's first two, the headline, go ahead.
    """
    ahead = [f"evaluate@{variant}" for variant in variants or list(settings.variants)[:2]]
    return [ahead] if variants else [ahead, []]


def show(settings: Settings, variants: list[str]) -> None:
    """Print the comparison, of `variants` alone where there are any, and bring report and README up to date."""
    if variants:
        terminal.print_table(tables.comparison_rows(load_study(settings, variants)))
        print("The report shows all variants: `make repro` brings it up to date.")
        return
    rows = tables.load_comparison()
    readme.update_readme(readme.readme_block(rows, settings.about))
    terminal.announce(rows, PAGE)


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


def main() -> None:
    settings = load_settings()
    variants = sys.argv[1:]
    for variant in variants:
        settings.variant(variant)
    for orphan in remove_orphans(settings.variants):
        print(f"removed {orphan}, of a variant that params.yaml no longer has")
    with failures.as_warnings():
        publish.publish_all()  # so that the store has the present results before new ones replace the files
    if all(reproduce(targets) for targets in rounds(settings, variants)):
        with failures.as_warnings():
            publish.publish_all()
        show(settings, variants)
    else:
        show_demo_instead_of(datasets.find(settings.data.dataset))


if __name__ == "__main__":
    errors.run(main)
