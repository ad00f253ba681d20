"""Compare reproduced outputs with the committed outputs, and describe the differences."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lenet.commands import dvc
from lenet.commands.git import git
from lenet.errors import LabError
from lenet.evaluation.metrics import TEST_ERROR
from lenet.evaluation.results import SeedResult, VariantResult, load_result, parse_result
from lenet.evaluation.study import Study
from lenet.runs.identity import RunIdentity
from lenet.runs.provenance import machine_tags
from lenet.workspace import DETAILS, README

_DATA_STAGES = ("download", "preprocess")
_PLOT_STAGE = "plot"


@dataclass(frozen=True)
class Outputs:
    """The outputs in a checkout.

    digests: stage → path of an output file → digest of the file. runs: (variant, seed) → results of the run.
    """

    digests: Mapping[str, Mapping[str, str]]
    runs: Mapping[tuple[str, int], SeedResult]


@dataclass(frozen=True)
class Row:
    """A row of the printed table: an output, and how it differs from the committed output.

    differences: empty if both outputs are equal.
    """

    output: str
    differences: tuple[str, ...] = ()


def read_outputs(variants: Sequence[str]) -> Outputs:
    """Read the digests of all output files in the current folder, and the results of the runs of these variants.

    Raises LabError if results are missing.
    """
    digests = dvc.recorded_digests()
    if _PLOT_STAGE in digests:  # the README is written after this stage
        digests[_PLOT_STAGE][str(README)] = hashlib.sha256(README.read_bytes()).hexdigest()
    runs = {(variant, run.identity.seed): run for variant in variants for run in load_result(variant).seeds}
    return Outputs(digests, runs)


def compare(committed: Outputs, reproduced: Outputs) -> list[Row]:
    """Compare reproduced runs and files with the committed runs and files; return a row for each comparison.

    The data files are always compared. The other files are compared only if `reproduced` contains all runs of
    `committed`. If a stage did not run, it is missing from `reproduced.digests`, so its files are not compared.
    """
    runs = [
        Row(f"{variant} seed {seed}", tuple(_differences(committed.runs[variant, seed], run)))
        for (variant, seed), run in reproduced.runs.items()
    ]
    return [*_compare_files(committed, reproduced), *runs]


def _compare_files(committed: Outputs, reproduced: Outputs) -> Iterator[Row]:
    has_all_runs = list(committed.runs) == list(reproduced.runs)  # and in the same order, which the files keep
    for stage, digests in reproduced.digests.items():
        if has_all_runs or stage in _DATA_STAGES:
            for path, digest in digests.items():
                is_equal = committed.digests.get(stage, {}).get(path) == digest
                yield Row(path, () if is_equal else ("different content",))


def _differences(before: SeedResult, after: SeedResult) -> Iterator[str]:
    """Yield the differences between a committed run and its reproduction: first possible causes, then results."""
    yield from _causes(before.identity, after.identity)
    yield from _changed_results(before, after)


def _changed_results(before: SeedResult, after: SeedResult) -> Iterator[str]:
    """Yield which results of a run differ from those of the committed run."""
    if before.weights != after.weights:
        yield "weights"
    if before.history != after.history:
        yield "learning curve"
    if before.confusion != after.confusion:
        yield "confusion matrix"
    if before.metrics != after.metrics:
        yield f"metrics (test error {after.metrics[TEST_ERROR]:.2f} % instead of {before.metrics[TEST_ERROR]:.2f} %)"


def _causes(before: RunIdentity, after: RunIdentity) -> Iterator[str]:
    """Yield the differences that can change a run's results: machine, versions of libraries, code, data, settings."""
    if before.machine != after.machine:
        yield f"trained on {after.machine} instead of {before.machine}"
    for name, version in after.versions.items():
        if before.versions.get(name) != version:
            yield f"{name} {version} instead of {before.versions.get(name)}"
    for field in ("code", "data", "settings"):
        if getattr(before, field) != getattr(after, field):
            yield f"different {field}"


def compare_with_last_commit(variants: Sequence[str]) -> str:
    """Return a sentence that says how many runs of these variants equal the committed ones, and why others differ.

    Runs are compared with the results in the last commit of git, seed by seed: weights, learning curves, confusion
    matrices and metrics. The text is empty if the last commit has no results of these runs.
    """
    equal, total = 0, 0
    variants_by_cause: dict[str, set[str]] = defaultdict(set)
    for variant in variants:
        result = _committed_result(variant)
        committed = {run.identity.seed: run for run in result.seeds} if result else {}
        for run in load_result(variant).seeds:
            if before := committed.get(run.identity.seed):
                total += 1
                if not any(_changed_results(before, run)):
                    equal += 1
                else:
                    causes = ", ".join(_causes(before.identity, run.identity))
                    variants_by_cause[causes or f"unknown cause, on {machine_tags()['processor']}"].add(variant)
    if not total:
        return ""
    others = "; ".join(f"{', '.join(sorted(names))} ({cause})" for cause, names in variants_by_cause.items())
    sentence = f"{equal} of {total} runs equal the committed ones, bit for bit"
    return f"{sentence}. The others: {others}." if others else f"{sentence}."


def committed_errors(study: Study) -> dict[str, float]:
    """Return the test error of each variant in the last commit, in percent: variant → mean over the seeds.

    Variants without committed results on the study's data set are left out.
    """
    committed = {variant: _committed_result(variant) for variant in study.results}
    return {
        variant: result.summary[TEST_ERROR]
        for variant, result in committed.items()
        if result and result.dataset == study.dataset
    }


def _committed_result(variant: str) -> VariantResult | None:
    """Return the results of a variant in the last commit, or None if it has none that can be read."""
    try:
        return parse_result(git("show", f"HEAD:./{DETAILS}/{variant}.json").decode())
    except (LabError, OSError, ValueError, KeyError, TypeError):  # OSError: git is not installed
        return None


def print_rows(rows: Sequence[Row]) -> None:
    """Print a table with one line per output: "equal", or the differences from the committed output."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("output", no_wrap=True)
    table.add_column("compared with the committed one")
    for row in rows:
        table.add_row(row.output, "; ".join(row.differences) or "equal")
    Console().print(table)
