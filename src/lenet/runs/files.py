"""The four files of a trained run: weights, architecture, history and identity.

A run's files are in the run store and in models/<variant>/seed-<k>/.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lenet.errors import LabError
from lenet.runs.identity import RunIdentity
from lenet.training.trained_run import ARCHITECTURE, HISTORY, WEIGHTS, History, TrainedRun
from lenet.workspace import MODELS

IDENTITY = "run.json"
FILES = (WEIGHTS, ARCHITECTURE, HISTORY, IDENTITY)


@dataclass(frozen=True)
class SavedRun:
    """A run in models/. The identity and the history are read into memory; weights and architecture stay on disk."""

    folder: Path
    identity: RunIdentity
    history: History

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def architecture(self) -> Path:
        return self.folder / ARCHITECTURE


def run_files(identity: RunIdentity, trained: TrainedRun) -> dict[str, bytes]:
    """Return the four files of a run, name → content. Equal runs give equal bytes."""
    identity_json = asdict(identity) | {"digest": identity.digest, "family": identity.family}
    return trained.files() | {IDENTITY: f"{json.dumps(identity_json, indent=2)}\n".encode()}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create a folder and write files (name → content) into it."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def folder_of(variant: str, seed: int) -> Path:
    """Return the folder in models/ for the run of a variant from a seed."""
    return MODELS / variant / f"seed-{seed}"


def read_runs(variant: str, seeds: Iterable[int], settings: Mapping[str, object]) -> list[SavedRun]:
    """Read a variant's runs from models/, in the order of the seeds.

    Raises LabError if a run is missing or damaged, or if it was trained with settings other than `settings`.
    """
    runs = [_read_run(variant, seed) for seed in seeds]
    for run in runs:
        if run.identity.settings != settings:
            reason = "was trained with settings other than those in params.yaml"
            raise LabError(f"{run.folder} {reason}: run `dvc repro --force train@{variant}`")
    return runs


def find_run(variant: str, identity: RunIdentity) -> SavedRun | None:
    """Return the variant's run with this identity from models/, or None if models/ has no such run."""
    try:
        run = _read_run(variant, identity.seed)
    except LabError:
        return None
    return run if run.identity.digest == identity.digest else None


def _read_run(variant: str, seed: int) -> SavedRun:
    folder = folder_of(variant, seed)
    try:
        identity_json = json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
        del identity_json["digest"], identity_json["family"]
        return SavedRun(folder, RunIdentity.from_json(identity_json), read_history(folder / HISTORY))
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{folder} cannot be read ({error}): run `dvc repro --force train@{variant}`") from None


def read_history(path: Path) -> History:
    """Read a history.csv. Raise OSError if it cannot be read, ValueError if it has another format."""
    with open(path, encoding="utf-8", newline="") as file:
        (_, *metrics), *rows = csv.reader(file)
    columns = list(zip(*rows, strict=True))[1:]
    return {name: list(map(float, column)) for name, column in zip(metrics, columns, strict=True)}
