"""The study of the current folder, from data to comparison: train side by side, let DVC do the rest, publish, show.

`make repro` and `make demo` run it.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import methodcaller
from pathlib import Path

from filelock import FileLock, Timeout

from lenet.commands import foreground
from lenet.commands.publisher import Publisher
from lenet.errors import LabError
from lenet.evaluation.results import load_result
from lenet.evaluation.study import load_study
from lenet.execution import schedule
from lenet.execution.schedule import PlannedRun
from lenet.mnist.mirrors import unreachable_note
from lenet.mnist.splits import load_statistics
from lenet.report import readme, terminal
from lenet.runs import trainer
from lenet.runs.store import named_lock
from lenet.settings import Settings, load_settings
from lenet.tracking import mlflow_store, pages
from lenet.workspace import DETAILS, LOCK, PAGE, remove_orphans

_LITTLE_MB = 100


def reproduce(targets: list[str]) -> bool:
    """Run `dvc repro`; return False if the data cannot be downloaded; raise LabError if anything else fails.

    Its stages publish nothing: each would import MLflow, and this process has done so.
    """
    note = unreachable_note()
    note.unlink(missing_ok=True)
    with dvc_alone():
        status = foreground.run([*foreground.DVC, "repro", *targets], os.environ | mlflow_store.left_alone())
    if status == 0:
        return True
    if note.is_file():
        return False
    raise LabError(
        f"the pipeline stopped: {_room_left()}see the message above; what finished before is kept, "
        "and the same command goes on from there"
    )


@contextmanager
def dvc_alone() -> Iterator[None]:
    """Wait for another `make repro` or `make sweep` of this checkout: DVC fails where another DVC runs a stage."""
    lock = FileLock(named_lock("dvc"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("waiting for DVC, which another `make repro` or `make sweep` runs here", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _room_left() -> str:
    """Say how much the disk has left where that is little: DVC does not tell a full one."""
    free = shutil.disk_usage(".").free >> 20
    return f"only {free} MB are left on the disk: free some space; " if free < _LITTLE_MB else ""


def is_evaluated(settings: Settings, variants: Sequence[str]) -> bool:
    """Return whether the results are of exactly the runs and data that the settings ask for."""
    try:
        statistics = load_statistics()
        runs = schedule.planned_runs(settings, variants)
        results = {seed.identity.digest for variant in variants for seed in load_result(variant).seeds}
    except LabError:  # there are no data, or no results
        return False
    prepared = (statistics.dataset, statistics.validation_size, statistics.split_seed)
    wanted = (settings.data.dataset, settings.preprocess.validation_size, settings.preprocess.split_seed)
    return prepared == wanted and results == {run.identity.digest for run in runs} and not schedule.lacking(runs)


def train(settings: Settings, variants: Sequence[str], publisher: Publisher) -> bool:
    """Train the runs of variants that the store lacks, and publish them; return False if the data is out of reach."""
    if any(DETAILS.glob("*.json")):
        # The present results, before new ones replace the files. A champion is not exported beside the training.
        publisher.add(methodcaller("publish_variants", list(settings.variants)))
    is_prepared = reproduce(["preprocess"])
    if is_prepared:
        train_what_is_lacking(settings, variants, publisher)
    publisher.wait()
    return is_prepared


def train_what_is_lacking(settings: Settings, variants: Sequence[str], publisher: Publisher) -> None:
    """Train all runs that the run store lacks, side by side; evaluate and print the headline while the rest trains.

    This happens outside of DVC, which runs one stage after the other and would let cores idle; its stages then take
    the runs from the store.
    """
    headline = headline_of(settings, variants)
    runs = in_order(schedule.planned_runs(settings, variants), headline)
    ours = [run for run in runs if not set(headline).isdisjoint(run.variants)]
    awaited = {run.identity.digest for run in schedule.lacking(ours)}
    study = pages.study_experiment(settings.data.dataset)
    interrupted = threading.Event()
    arguments = (settings, headline, publisher, interrupted)
    ahead = threading.Thread(target=announce, args=arguments, name="headline", daemon=True)
    try:
        for run in schedule.train_runs(schedule.lacking(runs), trainer.train, settings.compute.workers):
            publisher.add(methodcaller("publish_run", study, run))
            awaited.discard(run.identity.digest)
            if headline and not awaited and ahead.ident is None:
                ahead.start()
    except BaseException:
        interrupted.set()
        raise
    finally:
        if ahead.ident is not None:
            ahead.join()


def headline_of(settings: Settings, variants: Sequence[str]) -> list[str]:
    """Return the variants of the primary comparison, if these variants have them and others; else none."""
    primary = set(settings.comparison.primary)
    return [variant for variant in variants if variant in primary] if primary < set(variants) else []


def in_order(runs: Sequence[PlannedRun], headline: Sequence[str]) -> list[PlannedRun]:
    """Return the headline's runs first, then those of most epochs first."""
    return sorted(longest_first(runs), key=lambda run: set(headline).isdisjoint(run.variants))


def longest_first(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Return the runs of most epochs first, which mostly take longest: the end should not wait for one of them."""
    return sorted(runs, key=lambda run: -run.epochs)


def announce(settings: Settings, variants: Sequence[str], publisher: Publisher, interrupted: threading.Event) -> None:
    """Evaluate variants through DVC, publish them, and print their comparison."""
    publisher.wait()  # it may read the results that are replaced now
    command = [*foreground.DVC, "repro", *evaluations(variants)]
    with dvc_alone():
        if interrupted.is_set():
            return
        done = subprocess.run(
            command,
            env=os.environ | mlflow_store.left_alone(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0:
        for line in done.stderr.splitlines():
            if line.startswith("warning: "):
                print(line, file=sys.stderr)
        publisher.add(methodcaller("publish_variants", variants))
        terminal.print_table(load_study(settings, variants))
    else:
        print(f"warning: {', '.join(variants)} could not be evaluated yet:\n{done.stderr}", file=sys.stderr)


def evaluations(variants: Iterable[str]) -> list[str]:
    """Return DVC's names of the stages that evaluate variants."""
    return [f"evaluate@{variant}" for variant in variants]


def remove_damaged_lock(path: Path = Path(".dvc/tmp/rwlock")) -> None:
    """Remove DVC's list of locks if a full disk left it cut off: every later `dvc repro` would fail."""
    for attempt in range(2):  # DVC may just be writing it
        try:
            json.loads(path.read_text(encoding="utf-8"))
            return
        except FileNotFoundError:
            return
        except ValueError:
            time.sleep(1 - attempt)
    path.unlink(missing_ok=True)
    print(f"removed {path}, which was truncated, perhaps by a full disk", file=sys.stderr)


def show_some(settings: Settings, variants: Sequence[str]) -> None:
    """Print the comparison of some variants."""
    terminal.print_table(load_study(settings, variants))
    print("The report shows all variants: `make repro` brings it up to date.")


def show_study(settings: Settings) -> None:
    """Print the comparison and bring the README up to date."""
    study = load_study(settings, list(settings.variants))
    readme.update_readme(readme.readme_block(study))
    terminal.announce(study, PAGE)


def run(variants: list[str]) -> bool:
    """Reproduce the study, or some variants of it; return False if the data cannot be downloaded.

    Raises LabError if anything else fails.
    """
    settings = load_settings()
    for variant in variants:
        settings.variant(variant)
    for orphan in remove_orphans(settings.variants):
        print(f"removed {orphan}: params.yaml no longer has its variant")
    remove_damaged_lock()
    publisher = Publisher()
    asked = variants or list(settings.variants)
    if was_evaluated := is_evaluated(settings, asked):
        publisher.add(methodcaller("publish_all"))  # beside DVC, which most likely changes nothing
    elif not train(settings, asked, publisher):
        return False
    before = LOCK.read_bytes() if LOCK.is_file() else b""
    if not reproduce(evaluations(variants)):
        return False
    if not was_evaluated or LOCK.read_bytes() != before:
        publisher.add(methodcaller("publish_all"))
    publisher.wait()
    if variants:
        show_some(load_settings(), variants)
        return True
    show_study(load_settings())
    return True
