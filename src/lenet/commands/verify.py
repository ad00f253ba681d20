"""`make verify`: make again what is committed, in a clone that has no run and no cache, and compare every output.

First all that follows from the committed numbers per seed, in seconds; then the runs.

VARIANTS="tanh_sgd modern" and SEEDS="0 1" choose what is trained; "all" means all that is committed.
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
# Of the ways of training, by SGD, Adam and as in the paper, the variants that take least time.
FEW = ("tanh_sgd", "tanh_adam_28", "lenet5_1998")
# What would let the clone find runs and stores of others, or train elsewhere: this machine is what is verified.
_FOREIGN = ("DVC_ROOT", "MLFLOW_TRACKING_URI", "DASK_SCHEDULER_ADDRESS")


@contextmanager
def clone_of_committed_state(checkout: Path) -> Iterator[Path]:
    """Yield a clone of the last commit in a temporary folder, with a DVC cache of its own, whatever is configured."""
    with tempfile.TemporaryDirectory(prefix="lenet-verify-") as folder:
        clone = Path(folder) / "lenet-lab"
        git("clone", "--quiet", str(checkout), str(clone))
        (clone / ".dvc/config.local").write_text("[cache]\n    dir = cache\n", encoding="utf-8")
        yield clone


def chosen(settings: Settings, variants: str, seeds: str) -> tuple[list[str], list[int]]:
    """Return which variants and seeds to train, by default few; raise LabError for unknown ones."""
    few = [name for name in FEW if name in settings.variants] or list(settings.variants)[:1]
    names = list(settings.variants) if variants == ALL else variants.split() or few
    for name in names:
        settings.variant(name)
    known = [str(seed) for seed in settings.seeds]
    numbers = known if seeds == ALL else seeds.split() or known[:1]
    for number in numbers:
        if number not in known:
            raise LabError(f"SEEDS={seeds}: no run of seed {number} is committed: {did_you_mean(number, known)}")
    return names, [int(number) for number in numbers]


def unverified(settings: Settings, variants: Sequence[str], seeds: Sequence[int]) -> str:
    """Say what is not verified; nothing if that is nothing."""
    parts = []
    if others := [name for name in settings.variants if name not in variants]:
        parts.append(f"the variants {', '.join(others)}")
    if others := [str(seed) for seed in settings.seeds if seed not in seeds]:
        parts.append(f"the seeds {', '.join(others)}")
    return f"{' and '.join(parts)}, and the report (VARIANTS=all SEEDS=all verifies everything)" if parts else ""


def check_derived_files(settings: Settings) -> list[Row]:
    """Make anew what follows from the numbers per seed; return a row for what is equal and one for each other file.

    Those are means, intervals, tables, charts, pages and README. The current folder, a clone, is left as it was.
    """
    for variant in settings.variants:
        result, misread = load_result(variant), load_misread(variant)
        means = summary.summarise(result.seeds, misread.wrong(result.test_size))
        summary.save(replace(result, summary=means))
    report.rebuild(settings)
    differing = git("diff", "--name-only", "-z").decode().split("\0")[:-1]
    git("checkout", "--quiet", ".")
    if not differing:
        return [Row("means, intervals, tables, charts and README, from the numbers per seed")]
    return [Row(name, ("not what follows from the numbers per seed",)) for name in differing]


def train_again(settings: Settings, variants: Sequence[str], seeds: Sequence[int], environment: dict[str, str]) -> None:
    """Do in the current folder, from the beginning, what `make repro` does for these variants and seeds."""
    LOCK.unlink()  # so that every stage runs
    if list(seeds) != list(settings.seeds):
        _change_seeds(seeds)
    everything = list(variants) == list(settings.variants)
    command = [sys.executable, "-m", "lenet.commands.repro", *([] if everything else variants)]
    if foreground.run(command, environment) != 0:
        raise LabError("the training stopped: see the message above")
    if not LOCK.is_file():
        raise LabError("nothing could be trained without the data: see the message above")


def _change_seeds(seeds: Sequence[int]) -> None:
    params = YAML().load(PARAMS)
    params["seeds"] = list(seeds)
    YAML().dump(params, PARAMS)


def _environment(settings: Settings, checkout: Path) -> dict[str, str]:
    """Return the environment for the clone: its own code and caches, no MLflow store, the mirror that is given here."""
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    environment |= {
        "PYTHONPATH": "src",
        "XDG_CACHE_HOME": str(Path.cwd() / ".cache"),
    } | mlflow_store.disabled_environment()
    mirror = datasets.find(settings.data.dataset).mirror_variable
    if mirror in environment and (here := checkout / environment[mirror]).is_dir():
        environment[mirror] = str(here)
    return environment


def main() -> None:
    start, checkout = time.monotonic(), project_root()
    with clone_of_committed_state(checkout) as clone, chdir(clone):
        settings = load_settings()
        variants, seeds = chosen(settings, *sys.argv[1:])
        following = check_derived_files(settings)
        committed = agreement.read_outputs(variants)
        train_again(settings, variants, seeds, _environment(settings, checkout))
        rows = [*following, *agreement.compare(committed, agreement.read_outputs(variants))]
    agreement.print_rows(rows)
    if not_verified := unverified(settings, variants, seeds):
        print(f"Not verified: {not_verified}.")
    differing = sum(bool(row.differences) for row in rows)
    took = "{} min {} s".format(*divmod(round(time.monotonic() - start), 60))
    if differing:
        processor = machine_tags()["processor"]
        raise LabError(f"on {processor}, {differing} of {len(rows)} outputs differ from the committed ones ({took})")
    print(f"All {len(rows)} outputs equal the committed ones, bit for bit ({took}).")


if __name__ == "__main__":
    program.run(main)
