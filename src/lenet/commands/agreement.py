"""How outputs that were made again agree with the committed ones: which are equal, and what differs in the others."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml import YAML

from lenet.evaluation.metrics import TEST_ERROR
from lenet.evaluation.misread import load_misread
from lenet.evaluation.results import SeedResult, load_result
from lenet.runs.identity import RunIdentity
from lenet.workspace import LOCK, README

_OF_DATA = ("download", "preprocess")
_PLOT = "plot"

# A variant and a seed.
Key = tuple[str, int]


@dataclass(frozen=True)
class RunOutput:
    """A run's results, and its wrong answers to test digits: digit → class."""

    result: SeedResult
    wrong: Mapping[int, int]


@dataclass(frozen=True)
class Outputs:
    """What a checkout holds: digests of files (stage → path → digest), and its runs."""

    digests: Mapping[str, Mapping[str, str]]
    runs: Mapping[Key, RunOutput]


@dataclass(frozen=True)
class Row:
    """One output and how it differs from the committed one; not at all, if they are equal."""

    output: str
    differences: tuple[str, ...] = ()


def read_outputs(variants: Sequence[str]) -> Outputs:
    """Read the current folder's outputs, with the runs of these variants; raise LabError where results are missing."""
    stages = YAML(typ="safe").load(LOCK)["stages"]
    digests = {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()}
    if _PLOT in digests:  # after which the README is written
        digests[_PLOT][str(README)] = hashlib.sha256(README.read_bytes()).hexdigest()
    return Outputs(digests, {key: run for variant in variants for key, run in _read_runs(variant)})


def _read_runs(variant: str) -> Iterator[tuple[Key, RunOutput]]:
    misread = load_misread(variant)
    for result, answers in zip(load_result(variant).seeds, misread.answers, strict=True):
        wrong = answers != misread.labels
        digits = dict(zip(misread.indices[wrong].tolist(), answers[wrong].tolist(), strict=True))
        yield (variant, result.identity.seed), RunOutput(result, digits)


def compare(committed: Outputs, again: Outputs) -> list[Row]:
    """Compare what was done again with what is committed: each run and, of stages with all their seeds, each file.

    The stages in `again.digests` are those that ran.
    """
    runs = [
        Row(f"{variant} seed {seed}", tuple(_differences(committed.runs[variant, seed], run)))
        for (variant, seed), run in again.runs.items()
    ]
    return [*_files(committed, again), *runs]


def _files(committed: Outputs, again: Outputs) -> Iterator[Row]:
    all_seeds = list(committed.runs) == list(again.runs)  # in this order, which that of the files' rows is
    for stage, digests in again.digests.items():
        if all_seeds or stage in _OF_DATA:
            for path, digest in digests.items():
                equal = committed.digests.get(stage, {}).get(path) == digest
                yield Row(path, () if equal else ("another content",))


def _differences(before: RunOutput, after: RunOutput) -> Iterator[str]:
    """Yield what differs between two trainings of a run, its causes first."""
    yield from _causes(before.result.identity, after.result.identity)
    if before.result.weights != after.result.weights:
        yield "weights"
    if before.result.history != after.result.history:
        yield "learning curve"
    if changed := {digit for digit, _ in before.wrong.items() ^ after.wrong.items()}:
        yield f"{len(changed)} answers to test digits"
    if before.result.metrics != after.result.metrics:
        old, new = before.result.metrics[TEST_ERROR], after.result.metrics[TEST_ERROR]
        yield f"metrics (test error {new:.2f} % instead of {old:.2f} %)"


def _causes(before: RunIdentity, after: RunIdentity) -> Iterator[str]:
    """Yield what decides a run's bits and is not the same: machine, versions of libraries, code, data, settings."""
    if before.machine != after.machine:
        yield f"trained on {after.machine} instead of {before.machine}"
    for name, version in after.versions.items():
        if before.versions.get(name) != version:
            yield f"{name} {version} instead of {before.versions.get(name)}"
    for what in ("code", "data", "settings"):
        if getattr(before, what) != getattr(after, what):
            yield f"other {what}"


def print_rows(rows: Sequence[Row]) -> None:
    """Print a table of what is equal and what differs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("output", no_wrap=True)
    table.add_column("compared with the committed one")
    for row in rows:
        table.add_row(row.output, "; ".join(row.differences) or "equal")
    Console().print(table)
