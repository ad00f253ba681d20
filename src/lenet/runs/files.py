"""The files of trained runs: train writes models/<variant>/seed-<k>/, evaluate reads it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lenet.errors import LabError
from lenet.runs.identity import RunIdentity
from lenet.training.trained_run import EPOCH_METRICS, TRAIN_LOSS, TRAIN_METRICS, History, TrainedRun
from lenet.workspace import MODELS


@dataclass(frozen=True)
class Run:
    """A run that was read: its identity and history. Its weights and architecture stay on disk."""

    folder: Path
    identity: RunIdentity
    history: History

    @property
    def weights(self) -> Path:
        return self.folder / "model.weights.h5"

    @property
    def architecture(self) -> Path:
        return self.folder / "model.json"


def write_run(folder: Path, identity: RunIdentity, trained: TrainedRun) -> None:
    """Write one run's four files into a new folder; equal runs give equal bytes."""
    folder.mkdir(parents=True)
    (folder / "model.weights.h5").write_bytes(trained.weights)
    (folder / "model.json").write_text(trained.architecture + "\n", encoding="utf-8")
    (folder / "history.csv").write_text(_history_table(trained.history), encoding="utf-8")
    described = asdict(identity) | {"digest": identity.digest, "family": identity.family}
    (folder / "run.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def read_runs(variant: str, seeds: Iterable[int], settings: Mapping[str, object]) -> list[Run]:
    """Read a variant's runs, in the order of the seeds.

    Raises LabError where one is missing, damaged, or was trained with other settings than `settings`.
    """
    return [_read_run(variant, seed, settings) for seed in seeds]


def find_run(identity: RunIdentity) -> Run | None:
    """Return the run with exactly this identity, if models/ has it."""
    try:
        run = _read_run(identity.variant, identity.seed, identity.settings)
    except LabError:
        return None
    return run if run.identity.digest == identity.digest else None


def _read_run(variant: str, seed: int, settings: Mapping[str, object]) -> Run:
    folder = MODELS / variant / f"seed-{seed}"
    hint = f"train it again: dvc repro --force train@{variant}"
    try:
        described = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        digest, _ = described.pop("digest"), described.pop("family")
        identity = RunIdentity.from_json(described)
        history = _read_history(folder / "history.csv")
    except (FileNotFoundError, AttributeError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{folder} cannot be read ({error}): {hint}") from None
    if identity.digest != digest:
        raise LabError(f"{folder / 'run.json'} was edited: its digest does not fit its content: {hint}")
    if (identity.variant, identity.seed, identity.settings) != (variant, seed, settings):
        raise LabError(
            f"{folder} holds {identity.variant} seed {identity.seed}, "
            f"trained with other settings than params.yaml's: {hint}"
        )
    run = Run(folder, identity, history)
    complete = len(history[TRAIN_LOSS]) == identity.settings["epochs"]
    if not (complete and run.weights.is_file() and run.architecture.is_file()):
        raise LabError(f"{folder} is not complete: {hint}")
    return run


def _history_table(history: History) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["epoch", *history])
    epochs = len(history[TRAIN_LOSS])
    writer.writerows(zip(range(1, epochs + 1), *history.values(), strict=True))
    return table.getvalue()


def _read_history(path: Path) -> History:
    with open(path, encoding="utf-8", newline="") as file:
        (_, *metrics), *rows = csv.reader(file)
    if tuple(metrics) not in (EPOCH_METRICS, TRAIN_METRICS):
        raise ValueError(f"{path.name} has other columns than training writes")
    columns = list(zip(*rows, strict=True))[1:]
    return {name: list(map(float, column)) for name, column in zip(metrics, columns, strict=True)}
