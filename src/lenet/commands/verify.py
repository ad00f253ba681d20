"""`make verify`: reproduce the committed results in a clone with no runs and an empty cache, and compare every output.

First, all files that are derived from the committed results of single seeds are computed again, in seconds. Then the
chosen runs are trained again.

VARIANTS="tanh_sgd modern" and SEEDS="0 1" choose the runs; "all" means all variants, or all seeds.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path

from ruamel.yaml import YAML

from lenet import program
from lenet.commands import agreement, foreground, report
from lenet.commands.agreement import Row
from lenet.commands.git import git
from lenet.errors import LabError, did_you_mean
from lenet.evaluation import summary
from lenet.evaluation.misread import load_misread
from lenet.evaluation.results import load_result
from lenet.mnist import datasets
from lenet.runs.provenance import machine_tags
from lenet.settings import Settings, load_settings
from lenet.tracking import mlflow_store
from lenet.workspace import LOCK, PARAMS, project_root

ALL = "all"
# By default: one quick variant for each of three ways of training: SGD, Adam and the paper's.
DEFAULT_VARIANTS = ("tanh_sgd", "tanh_adam_28", "lenet5_1998")
# With these variables the clone would use other stores or train on other machines. This machine is to be verified.
_REMOVED_VARIABLES = ("DVC_ROOT", "MLFLOW_TRACKING_URI", "DASK_SCHEDULER_ADDRESS")


@contextmanager
def clone_of_committed_state(checkout: Path) -> Iterator[Path]:
    """Yield a temporary clone of the last commit.

    The clone has its own DVC cache, even if the user has configured a DVC cache for all repositories.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-verify-") as folder:
        clone = Path(folder) / "lenet-lab"
        git("clone", "--quiet", str(checkout), str(clone))
        (clone / ".dvc/config.local").write_text("[cache]\n    dir = cache\n", encoding="utf-8")
        yield clone


def choose_runs(settings: Settings, variants: str, seeds: str) -> tuple[list[str], list[int]]:
    """Return the variants and the seeds to train; raise LabError if a variant or a seed is unknown.

    variants: names separated by spaces, or "all". If empty, a few quick variants are chosen.
    seeds: numbers separated by spaces, or "all". If empty, the first seed is chosen.
    """
    default = [name for name in DEFAULT_VARIANTS if name in settings.variants] or list(settings.variants)[:1]
    names = list(settings.variants) if variants == ALL else variants.split() or default
    for name in names:
        settings.variant(name)
    committed_seeds = [str(seed) for seed in settings.seeds]
    chosen_seeds = committed_seeds if seeds == ALL else seeds.split() or committed_seeds[:1]
    for seed in chosen_seeds:
        if seed not in committed_seeds:
            raise LabError(f"SEEDS={seeds}: no committed run has seed {seed}: {did_you_mean(seed, committed_seeds)}")
    return names, [int(seed) for seed in chosen_seeds]


def unverified(settings: Settings, variants: Sequence[str], seeds: Sequence[int]) -> str:
    """Return a text that lists what is not verified, or an empty text if everything is verified."""
    parts = []
    if other_variants := [name for name in settings.variants if name not in variants]:
        parts.append(f"the variants {', '.join(other_variants)}")
    if other_seeds := [str(seed) for seed in settings.seeds if seed not in seeds]:
        parts.append(f"the seeds {', '.join(other_seeds)}")
    return (
        f"{' and '.join(parts)}, and the report (`make verify VARIANTS=all SEEDS=all` verifies everything)"
        if parts
        else ""
    )


def check_derived_files(settings: Settings) -> list[Row]:
    """Derive files from the committed results of single seeds, and compare them with the committed files.

    These files contain the means, intervals, tables, charts, pages and README. Return a row for each file that differs.
    If no file differs, return one row that stands for all files.
    The current folder must be a clone: at the end, all its files are restored with `git checkout`.
    """
    for variant in settings.variants:
        result, misread = load_result(variant), load_misread(variant)
        means = summary.summarise(result.seeds, misread.wrong(result.test_size))
        summary.save_all(replace(result, summary=means))
    report.rebuild(settings)
    different_files = git("diff", "--name-only", "-z").decode().split("\0")[:-1]
    git("checkout", "--quiet", ".")
    if not different_files:
        return [Row("means, intervals, tables, charts and README from the numbers per seed")]
    return [Row(name, ("does not follow from the numbers per seed",)) for name in different_files]


def train_again(settings: Settings, variants: Sequence[str], seeds: Sequence[int], environment: dict[str, str]) -> None:
    """Run `make repro` for these variants and seeds in the current folder, from the first stage on."""
    LOCK.unlink()  # so that every stage runs
    if list(seeds) != list(settings.seeds):
        _change_seeds(seeds)
    has_all_variants = list(variants) == list(settings.variants)
    command = [sys.executable, "-m", "lenet.commands.repro", *([] if has_all_variants else variants)]
    if foreground.run(command, environment) != 0:
        raise LabError("the training stopped: see the message above, correct its cause, then run `make verify` again")
    if not LOCK.is_file():
        raise LabError(
            "no run was verified, because the data could not be downloaded: correct the cause above, then run "
            "`make verify` again"
        )


def _change_seeds(seeds: Sequence[int]) -> None:
    params = YAML().load(PARAMS)
    params["seeds"] = list(seeds)
    YAML().dump(params, PARAMS)


def _clone_environment(settings: Settings, checkout: Path) -> dict[str, str]:
    """Return the environment variables for the commands in the clone.

    With these variables, the commands use the clone's own code and cache, do not publish to MLflow, and download from
    the same mirror as this process.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _REMOVED_VARIABLES}
    environment |= {
        "PYTHONPATH": "src",
        "XDG_CACHE_HOME": str(Path.cwd() / ".cache"),
    } | mlflow_store.disabled_environment()
    mirror = datasets.find(settings.data.dataset).mirror_variable
    if mirror in environment and (folder := checkout / environment[mirror]).is_dir():
        environment[mirror] = str(folder)
    return environment


def main() -> None:
    start, checkout = time.monotonic(), project_root()
    with clone_of_committed_state(checkout) as clone, chdir(clone):
        settings = load_settings()
        variants, seeds = choose_runs(settings, *sys.argv[1:])
        derived_rows = check_derived_files(settings)
        committed = agreement.read_outputs(variants)
        train_again(settings, variants, seeds, _clone_environment(settings, checkout))
        rows = [*derived_rows, *agreement.compare(committed, agreement.read_outputs(variants))]
    agreement.print_rows(rows)
    if not_verified := unverified(settings, variants, seeds):
        print(f"Not verified: {not_verified}.")
    different_rows = sum(bool(row.differences) for row in rows)
    duration = "{} min {} s".format(*divmod(round(time.monotonic() - start), 60))
    if different_rows:
        processor = machine_tags()["processor"]
        raise LabError(
            f"on {processor}, {different_rows} of {len(rows)} outputs differ from the committed ones ({duration}): "
            "the table above names the differences and, if they are known, their causes"
        )
    print(f"All {len(rows)} outputs equal the committed ones, bit for bit ({duration}).")


if __name__ == "__main__":
    program.run(main)
