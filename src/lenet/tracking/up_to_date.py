"""Publish all results, unless neither the files nor the store have changed since that was last done.

A store that is a file of SQLite tells by its time of change whether anybody has written to it, or deleted a run. A
server cannot be told so: it is always asked.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from lenet.imports import PACKAGE
from lenet.mnist.splits import split_path
from lenet.tracking.client import SQLITE, store_uri
from lenet.workspace import DETAILS, MODELS, PARAMS, PREDICTIONS, written_whole

_NOTE = Path(".dvc/tmp/published.json")  # of this workspace; DVC has git ignore the folder
Stamp = list[int | str]


def publish_what_changed() -> None:
    """Publish all results, unless the note says that this store has them; raise what publishing raises."""
    files = _stamps(_inputs())
    if _read_note() == [files, _store()]:
        return
    from lenet.tracking.publish import publish_all  # imports MLflow and Matplotlib, which takes seconds

    publish_all()
    if store := _store():
        with written_whole(_NOTE) as partial:
            partial.write_text(json.dumps([files, store]), encoding="utf-8")


def _inputs() -> Iterable[Path]:
    """Yield the files that decide what is published."""
    yield from (PARAMS, split_path("test"))
    for folder in (DETAILS, MODELS, PREDICTIONS, PACKAGE):
        yield from (path for path in sorted(folder.rglob("*")) if "__pycache__" not in path.parts)


def _store() -> list[Stamp]:
    """Return the stamp of a store that is a file; nothing for any other."""
    uri = store_uri()
    return _stamps([Path(uri.removeprefix(SQLITE))]) if uri.startswith(SQLITE) else []


def _stamps(paths: Iterable[Path]) -> list[Stamp]:
    """Return name, size, time of change and number of each file that is there: any edit changes one of them."""
    found = ((path, path.stat()) for path in paths if path.is_file())
    return [[str(path), status.st_size, status.st_mtime_ns, status.st_ino] for path, status in found]


def _read_note() -> object:
    try:
        return json.loads(_NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
