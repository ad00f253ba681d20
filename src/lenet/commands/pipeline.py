"""Run the study in the current folder: train in parallel, run DVC's stages, publish to MLflow, print the comparison.

`make repro` and `make demo` use this module.
"""

from collections.abc import Sequence
from contextlib import suppress
from operator import methodcaller
from statistics import fmean

from lenet.commands import agreement, dvc
from lenet.commands.evaluator import Evaluator
from lenet.commands.publisher import Publisher
from lenet.commands.recover import recover_runs
from lenet.errors import LabError
from lenet.evaluation.metrics import TEST_ERROR, VALIDATION_ERROR
from lenet.evaluation.results import load_result
from lenet.evaluation.study import load_study
from lenet.execution import cluster, forecast, schedule
from lenet.execution.pool import ProcessPool
from lenet.execution.schedule import PlannedRun
from lenet.mnist import datasets
from lenet.mnist.splits import load_statistics
from lenet.report import readme, terminal
from lenet.report.terminal import Progress
from lenet.runs import run_store
from lenet.runs.training_data import identify_data
from lenet.settings import Settings, load_settings
from lenet.tracking import pages
from lenet.workspace import DETAILS, LOCK, README, REPORTS, remove_outputs_of_other_variants


def announce_replacement(settings: Settings, variants: Sequence[str]) -> None:
    """If results of these variants are on another data set than params.yaml names, say that they will be replaced."""
    replaced = set()
    for variant in variants:
        with suppress(LabError):
            replaced |= {load_result(variant).dataset} - {settings.data.dataset}
    if replaced:
        titles = {name: dataset.title for name, dataset in datasets.DATASETS.items()}
        names = " and ".join(titles.get(name, name) for name in sorted(replaced))
        print(
            f"params.yaml now names {titles[settings.data.dataset]}. Results on {names} in {REPORTS}, {LOCK} and "
            f"{README} will be replaced. To go back, name {names} in params.yaml again, then run the same command: no "
            "run is trained again.",
            flush=True,
        )


def is_prepared(settings: Settings) -> bool:
    """Return whether the prepared data are those that the settings ask for."""
    try:
        statistics = load_statistics()
    except LabError:  # there is no data
        return False
    prepared = (statistics.dataset, statistics.validation_size, statistics.split_seed)
    return prepared == (settings.data.dataset, settings.preprocess.validation_size, settings.preprocess.split_seed)


def is_evaluated(settings: Settings, variants: Sequence[str]) -> bool:
    """Return whether the results belong to exactly the runs and the data that the settings ask for.

    Return False also if one of these runs is missing from the run store.
    """
    if not is_prepared(settings):
        return False
    runs = schedule.planned_runs(settings, variants)
    return all(has_results(variant, runs) for variant in variants) and not schedule.missing_runs(runs)


def has_results(variant: str, runs: Sequence[PlannedRun]) -> bool:
    """Return True if the variant has results that belong to exactly the variant's planned runs.

    runs: planned runs of this variant and of others.
    """
    try:
        evaluated = {seed_result.identity.digest for seed_result in load_result(variant).seeds}
    except LabError:  # there are no results
        return False
    return evaluated == {run.identity.digest for run in runs if variant in run.variants}


def prepare_and_train(settings: Settings, variants: Sequence[str], publisher: Publisher) -> bool:
    """Prepare the data, then train and publish the runs that are missing from the run store.

    Return False if the data cannot be downloaded.
    """
    with schedule.process_pool(settings.compute.workers) as processes:
        epochs = expected_epochs(settings, variants)
        if not cluster.address():
            processes.start(len(epochs))  # the workers import TensorFlow while this process prepares the data
        is_announced = not run_store.digests() and announce_all_runs(settings, variants, epochs, processes.max_workers)
        if not dvc.reproduce(["preprocess"]):
            return False
        if any(DETAILS.glob("*.json")):
            # Publish the present results before new ones replace their files. Unlike `publish_all`, this does not
            # export a champion while runs are trained.
            publisher.add(methodcaller("publish_variants", list(settings.variants)))
        train_missing_runs(settings, variants, processes, publisher, is_announced)
    return True


def announce_all_runs(settings: Settings, variants: Sequence[str], epochs: Sequence[int], workers: int) -> bool:
    """Say before the data are prepared how many runs will be trained: in a new clone, the preparation takes a while.

    Return False, and say nothing, if the data set is made on this machine: its size is not known yet, and it is ready
    in a few seconds. epochs: the epochs of each run.
    """
    sizes = {file.name: file.size for file in datasets.find(settings.data.dataset).files}
    if not sizes:
        return False
    image_count = sizes[datasets.TRAIN_LABELS] - 8  # one byte for each label, after 8 others
    announce_short_command(headline_of(settings, variants))
    print(forecast.announcement(epochs, settings.data.dataset, image_count, workers), flush=True)
    return True


def announce_short_command(headline: Sequence[str]) -> None:
    """Print the command that trains only the variants of the primary comparison, if `headline` names them."""
    if headline:
        print(f'For the primary comparison alone: the same command with VARIANTS="{" ".join(headline)}"', flush=True)


def expected_epochs(settings: Settings, variants: Sequence[str]) -> list[int]:
    """Return the number of epochs of each run that is likely to be trained.

    Before the data exist, finished runs cannot be recognised, because a run's digest depends on the data. In this case,
    return the epochs of all runs.
    """
    try:
        return [run.epochs for run in schedule.missing_runs(schedule.planned_runs(settings, variants))]
    except LabError:
        recipes = {settings.variant(variant) for variant in variants}  # variants with equal recipes share their runs
        return [recipe.epochs for recipe in recipes for _ in settings.seeds]


def train_missing_runs(
    settings: Settings, variants: Sequence[str], processes: ProcessPool, publisher: Publisher, is_announced: bool
) -> None:
    """Train all runs that are missing from the run store; train several runs at the same time.

    Each variant is evaluated as soon as all its runs are trained, while other runs are still in training.
    This function trains outside of DVC, because DVC runs one stage at a time and would leave cores idle. DVC's stages
    then copy the runs from the run store.
    is_announced: the user already knows how many runs will be trained.
    """
    headline = headline_of(settings, variants)
    runs = schedule.planned_runs(settings, variants)
    missing = training_order(schedule.missing_runs(runs), headline)
    if not is_announced and any(not set(headline).isdisjoint(run.variants) for run in missing):
        announce_short_command(headline)
    untrained = {variant: {run.name for run in missing if variant in run.variants} for variant in variants}
    stale = [variant for variant in variants if untrained[variant] or not has_results(variant, runs)]
    experiment = pages.study_experiment(settings.data.dataset)
    with Evaluator(settings, headline, stale, publisher) as evaluator:
        for variant in stale:
            if not untrained[variant]:
                evaluator.add(variant)
        for run in schedule.train_runs(missing, processes, is_announced):
            publisher.add(methodcaller("publish_run", experiment, run))
            for variant in run.variants:
                untrained[variant].discard(run.name)
                if not untrained[variant] and any(untrained.values()):  # after the last run, `dvc repro` evaluates
                    evaluator.add(variant)


def headline_of(settings: Settings, variants: Sequence[str]) -> list[str]:
    """Return the variants of the primary comparison. This comparison is printed before the other variants are ready.

    The list is empty unless `variants` contains all variants of the primary comparison, and others too.
    """
    primary = set(settings.comparison.primary)
    return [variant for variant in variants if variant in primary] if primary < set(variants) else []


def training_order(runs: Sequence[PlannedRun], headline: Sequence[str]) -> list[PlannedRun]:
    """Sort the runs: first the runs of the `headline` variants, then the others. In each group, start with the longest.

    headline: the variants whose comparison is printed before the other variants are ready.
    """
    return sorted(longest_first(runs), key=lambda run: set(headline).isdisjoint(run.variants))


def longest_first(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Sort the runs by their number of epochs, largest first.

    If a long run started last, other workers would be idle at the end.
    """
    return sorted(runs, key=lambda run: -run.epochs)


def bring_up_to_date(settings: Settings, variants: Sequence[str], publisher: Publisher) -> bool:
    """Bring runs, results and report up to date, and publish them; return False if the data cannot be downloaded.

    variants: only these variants are brought up to date; the report stays as it is. If `variants` is empty, all
    variants and the report are brought up to date.
    """
    requested = variants or list(settings.variants)
    publish_all = methodcaller("publish_all")
    if is_evaluated(settings, requested):
        publisher.add(publish_all)  # while DVC runs, which is likely to change nothing
        lock_before = LOCK.read_bytes() if LOCK.is_file() else b""
        is_done = dvc.reproduce(dvc.evaluate_targets(variants))
        if is_done and LOCK.read_bytes() != lock_before:
            publisher.add(publish_all)
        return is_done
    if not (
        prepare_and_train(settings, requested, publisher)
        and dvc.reproduce(dvc.evaluate_targets(requested, settings.variants))
    ):
        return False
    publisher.add(publish_all)  # while DVC draws the report
    return bool(variants) or dvc.reproduce(["--quiet", "--single-item", "plot"])


def with_baseline(settings: Settings, variants: Sequence[str]) -> list[str]:
    """Put the baseline before these variants, if its stored results have today's settings, seeds and data.

    Otherwise, print how to compare with it. Results of earlier training code count too.
    """
    baseline = settings.comparison.baseline
    if baseline in variants:
        return list(variants)
    with suppress(LabError):  # there are no results
        recipe, data = settings.variant(baseline).model_dump(), identify_data()
        stored = [(run.identity.seed, run.identity.settings, run.identity.data) for run in load_result(baseline).seeds]
        if stored == [(seed, recipe, data) for seed in settings.seeds]:
            return [baseline, *variants]
    print(f"{baseline} has no results with today's settings: to compare with it, name it in VARIANTS too")
    return list(variants)


def show_some(settings: Settings, variants: Sequence[str]) -> None:
    """Print the comparison of these variants with the baseline."""
    study = load_study(settings, with_baseline(settings, variants))
    terminal.print_table(study, agreement.committed_errors(study), variants)
    print("`make report` puts these results into the report. `make repro` brings all variants up to date.")


def show_finished(settings: Settings, variants: Sequence[str]) -> None:
    """Print which runs of these variants are finished, with their errors. Print nothing if the data are not ready."""
    if not is_prepared(settings):
        return
    runs = schedule.planned_runs(settings, variants)
    missing = schedule.missing_runs(runs)
    rows = []
    for variant in variants:
        own = [run for run in runs if variant in run.variants]
        finished = [run_store.load_history(run.identity.digest) for run in own if run not in missing]
        errors = [history[VALIDATION_ERROR][-1] for history in finished if VALIDATION_ERROR in history]
        test_error = load_result(variant).summary[TEST_ERROR] if has_results(variant, own) else None
        rows.append(Progress(variant, len(finished), len(own), fmean(errors) if errors else None, test_error))
    terminal.print_finished(rows)
    print("Finished runs are kept. The same command continues.", flush=True)


def show_study(settings: Settings) -> None:
    """Print the comparison of all variants, and bring the README up to date."""
    study = load_study(settings, list(settings.variants))
    readme.update_readme(readme.readme_block(study))
    terminal.print_summary(study, agreement.committed_errors(study))


def reproduce(variants: list[str]) -> bool:
    """Reproduce these variants, or the whole study if `variants` is empty.

    Return False if the data cannot be downloaded; raise LabError if anything else fails.
    """
    settings = load_settings()
    for variant in variants:
        settings.variant(variant)
    dvc.refuse_conflicts()
    announce_replacement(settings, variants or list(settings.variants))
    dvc.remove_damaged_lock()
    recover_runs()
    remove_outputs_of_other_variants(settings.variants)
    dvc.drop_removed_variants(settings.variants)
    publisher = Publisher()
    try:
        if not bring_up_to_date(settings, variants, publisher):
            return False
    except KeyboardInterrupt as interrupt:
        try:
            show_finished(settings, variants or list(settings.variants))
        finally:
            raise interrupt  # even if nothing can be printed
    publisher.wait()
    if variants:
        show_some(load_settings(), variants)
    else:
        show_study(load_settings())
    if sentence := agreement.compare_with_last_commit(variants or list(settings.variants)):
        print(sentence)
    return True
