"""`make prune`: say how large the run store is, and remove the runs that nothing in the workspace names."""

from contextlib import suppress

from lenet import program
from lenet.commands.sweep import digests_in, planned_runs
from lenet.errors import LabError
from lenet.evaluation.results import load_result
from lenet.execution import schedule
from lenet.runs import run_store
from lenet.settings import Settings, load_settings, load_sweep
from lenet.workspace import SWEEPS, run_store_folder


def referenced_digests(settings: Settings) -> set[str]:
    """Return the digests of the runs that params.yaml asks for, with the code as it is, or that results name."""
    digests = set()
    sweeps = [load_sweep(path, settings) for path in SWEEPS.glob("*/sweep.yaml")]
    with suppress(LabError):  # without data there is nothing that could be asked for
        digests |= {run.identity.digest for run in schedule.planned_runs(settings, list(settings.variants))}
        digests |= {run.identity.digest for sweep in sweeps for run in planned_runs(sweep)}
    for variant in settings.variants:
        with suppress(LabError):
            digests |= {seed.identity.digest for seed in load_result(variant).seeds}
    return digests | {digest for path in SWEEPS.glob("*/trials.csv") for digest in digests_in(path)}


def megabytes(sizes: dict[str, int]) -> str:
    """Return how many runs there are, and their size."""
    return f"{len(sizes)} runs, {sum(sizes.values()) / 1e6:.1f} MB"


def main() -> None:
    keep = referenced_digests(load_settings())
    before, gone = run_store.entries(), run_store.prune(keep)
    print(f"{run_store_folder()} contained {megabytes(before)}; removed {megabytes(gone)} that nothing here refers to")


if __name__ == "__main__":
    program.run(main)
