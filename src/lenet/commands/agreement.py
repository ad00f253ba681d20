"""How outputs that were made again agree with the committed ones: which are equal, and how much the others differ."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from ruamel.yaml import YAML
from scipy import stats

from lenet.evaluation.metrics import TEST_ERROR, mean_and_sd
from lenet.evaluation.misread import load_misread
from lenet.evaluation.results import SeedResult, load_result
from lenet.runs.files import folder_of
from lenet.runs.identity import RunIdentity
from lenet.training.trained_run import WEIGHTS
from lenet.workspace import LOCK, README

# A run with other bits is like another seed's: its test error should lie in this prediction interval of all seeds.
_PREDICTION = 0.99
_OF_DATA = ("download", "preprocess")
_PLOT = "plot"

# A variant and a seed.
Key = tuple[str, int]


@dataclass(frozen=True)
class RunOutput:
    """A run's results, its answers to test digits that some seed misreads (digit → class), and its file of weights."""

    result: SeedResult
    answers: Mapping[int, int]
    labels: Mapping[int, int]
    weights: Path


@dataclass(frozen=True)
class Outputs:
    """What a checkout holds: the digests in dvc.lock (stage → path → MD5), its runs, the digest of its README."""

    digests: Mapping[str, Mapping[str, str]]
    runs: Mapping[Key, RunOutput]
    readme: str


@dataclass(frozen=True)
class Row:
    """One output and how it differs from the committed one; not at all, if they are equal."""

    output: str
    differences: tuple[str, ...] = ()


def read_outputs(variants: Sequence[str]) -> Outputs:
    """Read the current folder's outputs, with the runs of these variants; raise LabError where results are missing."""
    stages = YAML(typ="safe").load(LOCK)["stages"]
    digests = {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()}
    runs = {key: run for variant in variants for key, run in _read_runs(variant)}
    return Outputs(digests, runs, hashlib.sha256(README.read_bytes()).hexdigest())


def _read_runs(variant: str) -> Iterator[tuple[Key, RunOutput]]:
    misread = load_misread(variant)
    labels = dict(zip(misread.indices.tolist(), misread.labels.tolist(), strict=True))
    for result, answers in zip(load_result(variant).seeds, misread.answers.tolist(), strict=True):
        seed = result.identity.seed
        yield (
            (variant, seed),
            RunOutput(result, dict(zip(labels, answers, strict=True)), labels, folder_of(variant, seed) / WEIGHTS),
        )


def compare(committed: Outputs, again: Outputs, checkout: Path) -> list[Row]:
    """Compare what was done again with what is committed: each run and, of stages with all their seeds, each file.

    The stages in `again.digests` are those that ran. `checkout`: where the committed weights may still lie.
    """
    rows = list(_files(committed, again))
    for (variant, seed), run in again.runs.items():
        errors = [each.result.metrics[TEST_ERROR] for key, each in committed.runs.items() if key[0] == variant]
        differences = _run(committed.runs[variant, seed], run, errors, checkout)
        rows.append(Row(f"{variant} seed {seed}", tuple(differences)))
    return rows


def _files(committed: Outputs, again: Outputs) -> Iterator[Row]:
    all_seeds = list(committed.runs) == list(again.runs)  # in this order, which that of the files' rows is
    for stage, digests in again.digests.items():
        if all_seeds or stage in _OF_DATA:
            for path, md5 in digests.items():
                equal = committed.digests.get(stage, {}).get(path) == md5
                yield Row(path, () if equal else ("another content",))
    if all_seeds and _PLOT in again.digests:
        yield Row(str(README), () if committed.readme == again.readme else ("another content",))


def _run(before: RunOutput, after: RunOutput, errors: Sequence[float], checkout: Path) -> Iterator[str]:
    """Yield what differs between two trainings of a run; errors: the test error of each committed seed, in percent."""
    yield from _causes(before.result.identity, after.result.identity)
    if before.result.weights != after.result.weights:
        yield f"weights{_largest_difference(before, after, checkout)}"
    if before.result.history != after.result.history:
        yield "learning curve"
    if changed := _changed_answers(before, after):
        yield f"{changed} answers to test digits"
    if before.result.metrics != after.result.metrics:
        yield _test_error(before.result.metrics[TEST_ERROR], after.result.metrics[TEST_ERROR], errors)


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


def _largest_difference(before: RunOutput, after: RunOutput, checkout: Path) -> str:
    old = checkout / before.weights
    if not old.is_file() or hashlib.sha256(old.read_bytes()).hexdigest() != before.result.weights:
        return ""
    with h5py.File(old) as one, h5py.File(after.weights) as other:
        largest = max(float(np.abs(one[name][()] - other[name][()]).max()) for name in _arrays(one))
    return f" (largest difference {largest:.1g})"


def _arrays(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, each: names.append(name) if isinstance(each, h5py.Dataset) else None)
    return names


def _changed_answers(before: RunOutput, after: RunOutput) -> int:
    labels = {**before.labels, **after.labels}
    return sum(before.answers.get(digit, label) != after.answers.get(digit, label) for digit, label in labels.items())


def _test_error(before: float, after: float, errors: Sequence[float]) -> str:
    """Say how the test error changed, and whether another seed could have made as much of a difference."""
    change = f"test error {after:.2f} % instead of {before:.2f} %"
    mean, sd = mean_and_sd(errors)
    if sd is None:
        return change
    half = stats.t.ppf((1 + _PREDICTION) / 2, len(errors) - 1) * sd * math.sqrt(1 + 1 / len(errors))
    within = "as another seed might have it" if abs(after - mean) <= half else "more than another seed would explain"
    return f"{change}, {within} ({mean - half:.2f} to {mean + half:.2f} %)"


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
