"""The study of the current folder, from data to comparison: train side by side, let DVC do the rest, publish, show.

`make repro` and `make demo` run it.
"""

from collections.abc import Sequence
from operator import methodcaller

from lenet.commands import dvc
from lenet.commands.evaluator import Evaluator
from lenet.commands.publisher import Publisher
from lenet.commands.recover import recover_runs
from lenet.errors import LabError
from lenet.evaluation.results import load_result
from lenet.evaluation.study import load_study
from lenet.execution import schedule
from lenet.execution.pool import ProcessPool
from lenet.execution.schedule import PlannedRun
from lenet.mnist.splits import load_statistics
from lenet.report import readme, terminal
from lenet.settings import Settings, load_settings
from lenet.tracking import pages
from lenet.workspace import DETAILS, LOCK, PAGE, remove_orphans


def is_evaluated(settings: Settings, variants: Sequence[str]) -> bool:
    """Return whether the results are of exactly the runs and data that the settings ask for."""
    try:
        statistics = load_statistics()
        runs = schedule.planned_runs(settings, variants)
    except LabError:  # there are no data
        return False
    prepared = (statistics.dataset, statistics.validation_size, statistics.split_seed)
    wanted = (settings.data.dataset, settings.preprocess.validation_size, settings.preprocess.split_seed)
    has_all = all(has_results(variant, runs) for variant in variants)
    return prepared == wanted and has_all and not schedule.missing_runs(runs)


def has_results(variant: str, runs: Sequence[PlannedRun]) -> bool:
    """Return whether the variant's results are of exactly its runs among these."""
    try:
        evaluated = {seed.identity.digest for seed in load_result(variant).seeds}
    except LabError:  # there are none
        return False
    return evaluated == {run.identity.digest for run in runs if variant in run.variants}


def prepare_and_train(settings: Settings, variants: Sequence[str], publisher: Publisher) -> bool:
    """Train the runs of variants that the store lacks, and publish them; return False if the data is out of reach."""
    if any(DETAILS.glob("*.json")):
        # The present results, before new ones replace the files. A champion is not exported beside the training.
        publisher.add(methodcaller("publish_variants", list(settings.variants)))
    with schedule.process_pool(settings.compute.workers) as processes:
        schedule.start_processes(processes, expected_runs(settings, variants))
        is_prepared = dvc.reproduce(["preprocess"])
        if is_prepared:
            train_missing_runs(settings, variants, processes, publisher)
        else:
            publisher.wait()  # a demo, which has a folder of its own, may follow
    return is_prepared


def expected_runs(settings: Settings, variants: Sequence[str]) -> int:
    """Return how many runs will most likely be trained: all, if there is no data yet to identify them by."""
    try:
        return len(schedule.missing_runs(schedule.planned_runs(settings, variants)))
    except LabError:
        return len(variants) * len(settings.seeds)


def train_missing_runs(
    settings: Settings, variants: Sequence[str], processes: ProcessPool, publisher: Publisher
) -> None:
    """Train all runs that the run store lacks, side by side; evaluate variants that are trained while others train.

    This happens outside of DVC, which runs one stage after the other and would let cores idle; its stages then take
    the runs from the store.
    """
    headline = headline_of(settings, variants)
    runs = schedule.planned_runs(settings, variants)
    missing = training_order(schedule.missing_runs(runs), headline)
    awaited = {variant: {run.name for run in missing if variant in run.variants} for variant in variants}
    stale = [variant for variant in variants if awaited[variant] or not has_results(variant, runs)]
    study = pages.study_experiment(settings.data.dataset)
    with Evaluator(settings, headline, stale, publisher) as evaluator:
        for variant in stale:
            if not awaited[variant]:
                evaluator.add(variant)
        for run in schedule.train_runs(missing, processes):
            publisher.add(methodcaller("publish_run", study, run))
            for variant in run.variants:
                awaited[variant].discard(run.name)
                if not awaited[variant] and any(awaited.values()):  # else the next `dvc repro` comes at once
                    evaluator.add(variant)


def headline_of(settings: Settings, variants: Sequence[str]) -> list[str]:
    """Return the variants of the primary comparison, if these variants have them and others; else none."""
    primary = set(settings.comparison.primary)
    return [variant for variant in variants if variant in primary] if primary < set(variants) else []


def training_order(runs: Sequence[PlannedRun], headline: Sequence[str]) -> list[PlannedRun]:
    """Return the headline's runs first, then those of most epochs first."""
    return sorted(longest_first(runs), key=lambda run: set(headline).isdisjoint(run.variants))


def longest_first(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Return the runs of most epochs first, which mostly take longest: the end should not wait for one of them."""
    return sorted(runs, key=lambda run: -run.epochs)


def bring_up_to_date(settings: Settings, variants: Sequence[str], publisher: Publisher) -> bool:
    """Train, evaluate and draw what is not up to date, and publish it; return False if the data is out of reach.

    variants: those that are asked for; none for all, and the report.
    """
    asked = variants or list(settings.variants)
    publish_all = methodcaller("publish_all")
    if is_evaluated(settings, asked):
        publisher.add(publish_all)  # beside DVC, which most likely changes nothing
        before = LOCK.read_bytes() if LOCK.is_file() else b""
        is_done = dvc.reproduce(dvc.evaluate_targets(variants))
        if is_done and LOCK.read_bytes() != before:
            publisher.add(publish_all)
        return is_done
    if not (
        prepare_and_train(settings, asked, publisher) and dvc.reproduce(dvc.evaluate_targets(asked, settings.variants))
    ):
        return False
    publisher.add(publish_all)  # beside DVC, which draws the report
    return bool(variants) or dvc.reproduce(["--quiet", "--single-item", "plot"])


def show_some(settings: Settings, variants: Sequence[str]) -> None:
    """Print the comparison of some variants."""
    terminal.print_table(load_study(settings, variants))
    print("The report shows all variants: `make repro` brings it up to date.")


def show_study(settings: Settings) -> None:
    """Print the comparison and bring the README up to date."""
    study = load_study(settings, list(settings.variants))
    readme.update_readme(readme.readme_block(study))
    terminal.announce(study, PAGE)


def reproduce(variants: list[str]) -> bool:
    """Reproduce the study, or some variants of it; return False if the data cannot be downloaded.

    Raises LabError if anything else fails.
    """
    settings = load_settings()
    for variant in variants:
        settings.variant(variant)
    dvc.refuse_conflicts()
    dvc.remove_damaged_lock()
    recover_runs()
    for orphan in remove_orphans(settings.variants):
        print(f"removed {orphan}: params.yaml no longer has its variant")
    dvc.drop_removed_variants(settings.variants)
    publisher = Publisher()
    if not bring_up_to_date(settings, variants, publisher):
        return False
    publisher.wait()
    if variants:
        show_some(load_settings(), variants)
    else:
        show_study(load_settings())
    return True
