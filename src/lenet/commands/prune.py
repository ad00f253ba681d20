"""`make prune`: print the size of the run store, and remove runs that neither settings nor results refer to."""

from contextlib import suppress

from lenet import program
from lenet.commands import side_workspace
from lenet.commands.sweep import digests_in, planned_runs
from lenet.errors import LabError, counted
from lenet.evaluation.results import load_result
from lenet.execution import schedule
from lenet.runs import run_store
from lenet.settings import Settings, load_settings, load_sweep
from lenet.workspace import SWEEPS, run_store_folder


def referenced_digests(settings: Settings) -> set[str]:
    """Return the digests of all runs that settings ask for or that results refer to.

    The settings are params.yaml and every sweep.yaml; the digests of their runs are computed with today's code. The
    results include every trials.csv. Raises LabError if a sweep's files cannot be read.
    """
    digests = set()
    sweeps = [load_sweep(path, settings) for path in SWEEPS.glob("*/sweep.yaml")]
    with suppress(LabError):  # without data, the runs that settings ask for have no digest
        digests |= {run.identity.digest for run in schedule.planned_runs(settings, list(settings.variants))}
    for sweep in sweeps:
        workspace = side_workspace.workspace_of(sweep.dataset, settings)
        if workspace.is_dir():
            with side_workspace.entered(workspace), suppress(LabError):
                digests |= {run.identity.digest for run in planned_runs(sweep)}
    for variant in settings.variants:
        with suppress(LabError):
            digests |= {seed_result.identity.digest for seed_result in load_result(variant).seeds}
    return digests | {digest for path in SWEEPS.glob("*/trials.csv") for digest in digests_in(path)}


def count_and_size(sizes: dict[str, int]) -> str:
    """Return a text with the number of runs and their total size, as in "4 runs (1.2 MB)". sizes: digest → bytes."""
    return f"{counted(len(sizes), 'run')} ({sum(sizes.values()) / 1e6:.1f} MB)"


def main() -> None:
    keep = referenced_digests(load_settings())
    before, removed = run_store.entry_sizes(), run_store.prune(keep)
    print(
        f"{run_store_folder()} contained {count_and_size(before)}; "
        f"removed {count_and_size(removed)} that neither settings nor results refer to"
    )


if __name__ == "__main__":
    program.run(main)
