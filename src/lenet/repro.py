"""`make repro`: run what changed, publish it, show the comparison. `python -m lenet.repro [variant …]` narrows it."""

import sys

from lenet import demo, errors, foreground, publish, report, tracking
from lenet.config import Settings, load_settings
from lenet.errors import LabError
from lenet.study import load_study
from lenet.workspace import PAGE, machine_notes, remove_strays


def reproduce(targets: list[str]) -> bool:
    """Run `dvc repro`; return False where MNIST cannot be reached, raise LabError where anything else fails."""
    note = machine_notes() / "mnist-unreachable.txt"
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
        report.print_table(report.comparison_rows(load_study(settings, variants)))
        print("The report shows all variants: `make repro` brings it up to date.")
        return
    rows = report.load_comparison()
    report.update_readme(report.readme_block(rows, settings.about))
    report.announce(rows, PAGE)


def shout(message: str) -> None:
    """Print a message that nobody overlooks."""
    rule = "!" * len(message)
    print(f"\n{rule}\n{message}\n{rule}\n", flush=True)


def main() -> None:
    settings = load_settings()
    variants = sys.argv[1:]
    for variant in variants:
        settings.variant(variant)
    for stray in remove_strays(settings.variants):
        print(f"removed {stray}, of a variant that params.yaml no longer has")
    with tracking.warned_only():
        publish.publish_all()  # before a result that only the files have gives way to a new one
    if all(reproduce(targets) for targets in rounds(settings, variants)):
        with tracking.warned_only():
            publish.publish_all()
        show(settings, variants)
    else:
        shout("MNIST COULD NOT BE HAD (REASONS ABOVE). RUNNING `make demo` INSTEAD: THE BUNDLED DIGITS, NOT MNIST.")
        demo.main()
        shout("The above is on the bundled digits. For MNIST, connect or set MNIST_MIRROR, and run `make repro` again.")


if __name__ == "__main__":
    errors.run(main)
