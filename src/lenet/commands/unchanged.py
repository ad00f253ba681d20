"""Whether anything has changed since the last `make repro`: if not, neither DVC nor MLflow need be asked, for seconds.

A file counts as unchanged, as it does for DVC, while its size, time of change and number are the same.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from lenet.runs.identity import library_versions
from lenet.tracking.mlflow_store import database
from lenet.workspace import LOCK, MODELS, PARAMS, PIPELINE, PREDICTIONS, README, REPORTS, SWEEPS, written_whole

_NOTE = Path(".dvc/tmp/reproduced.json")  # of this workspace; DVC lets git ignore the folder
_INPUTS = (PARAMS, PIPELINE, Path("src"), SWEEPS)
_OUTPUTS = (LOCK, Path("data"), MODELS, PREDICTIONS, REPORTS, README)

Stamps = list[list[str | int]]


def inputs() -> Stamps:
    """Return what tells whether settings, stages, code, sweeps or the libraries that decide bits change."""
    versions: Stamps = [[name, version] for name, version in library_versions().items()]
    return _stamps(_INPUTS) + versions


def is_noted() -> bool:
    """Whether all is as it was noted: inputs, results, and an MLflow store that is a file."""
    state = _state()
    return state is not None and state == _noted()


def note(inputs_before: Stamps) -> None:
    """Note the present state as that of a study which is done, unless an input has changed since it began."""
    state = _state()
    if state is not None and state[: len(inputs_before)] == inputs_before:
        with written_whole(_NOTE) as partial:
            partial.write_text(json.dumps(state), encoding="utf-8")


def _state() -> Stamps | None:
    """Return the state of the study and its store; None where the store cannot be told by a file."""
    store = database()
    return [*inputs(), *_stamps([*_OUTPUTS, store])] if store and store.is_file() else None


def _noted() -> object:
    try:
        return json.loads(_NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _stamps(places: Iterable[Path]) -> Stamps:
    files = (path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*"))))
    statuses = ((path, path.stat()) for path in files if path.is_file() and "__pycache__" not in path.parts)
    return [[str(path), status.st_size, status.st_mtime_ns, status.st_ino] for path, status in statuses]
