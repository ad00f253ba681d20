"""The MLflow store: its address, a client for it, and the lock between processes that write to it."""

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

from lenet.redaction import redacted
from lenet.runs.store import named_lock
from lenet.tracking import outage
from lenet.tracking.outage import StoreSkippedError
from lenet.workspace import project_root, written_whole

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_LIMITS = {
    # By default MLflow retries for minutes. What cannot be logged now is published from the files later.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    _RETRIES: "1",
    "PGCONNECT_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LOCK_TIMEOUT_S = 60
# MLflow's codes for what an edit of others can be the reason of.
_REFUSALS = ("BAD_REQUEST", "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")
_ATTEMPTS = 4
_SQLITE = "sqlite:///"
_DATABASES = (
    "sqlite:",
    "postgresql:",
    "postgresql+",
    "mysql:",
    "mysql+",
    "mssql:",
    "mssql+",
)  # as SQLAlchemy names them


def store_uri() -> str:
    """Return the store's address: MLFLOW_TRACKING_URI, or else the project's own SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _default_store_uri()


def redacted_uri() -> str:
    """Return the store's address without a password, so that it may be printed."""
    return redacted(store_uri())


def database() -> Path | None:
    """Return the store's file, which need not be there; None where the store is a server."""
    uri = store_uri()
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def artifacts_uri() -> str | None:
    """Return the project's folder for artifacts; None for a server, which has a place for them.

    A database alone has none, and MLflow would take a folder of the current one, which may be a temporary workspace.
    """
    return (project_root() / "mlartifacts").as_uri() if store_uri().startswith(_DATABASES) else None


def open_own_database() -> "MlflowClient | None":
    """Return a client of the project's own SQLite file; None where it is missing, or is the store itself."""
    from mlflow import MlflowClient

    uri = _default_store_uri()
    return MlflowClient(uri) if store_uri() != uri and Path(uri.removeprefix(_SQLITE)).is_file() else None


def open_client() -> "MlflowClient":
    """Return a client of the store, which gives up within seconds where the store does not answer.

    Raises StoreSkippedError where the store has failed before, in this command.
    """
    if outage.is_noted():
        raise StoreSkippedError
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = 1  # else a database that cannot be opened costs 100 s each time
    # Failures are reported once, in one line: see failures.py.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    _create_database()
    mlflow.set_tracking_uri(store_uri())
    return mlflow.MlflowClient(store_uri())


def create_once(create: Callable[[], T], find: Callable[[], T | None]) -> T:
    """Create what has a name of its own in the store; return it also where others have created it meanwhile.

    A request to create is sent once: its answer may be lost, and what was asked for be there. Then it is found too.
    """
    try:
        with unrepeated():
            return create()
    except Exception:
        if (found := find()) is None:
            raise
        return found


def undisturbed(work: Callable[[], T]) -> T:
    """Return what the work returns, which is done again where the store refuses it: it can be repeated.

    A store refuses what another publisher writes at the same moment: the same tag, or the same data set.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except Exception as error:
            if getattr(error, "error_code", None) not in _REFUSALS:
                raise
            time.sleep(random.random())
    return work()


@contextmanager
def unrepeated() -> Iterator[None]:
    """Let MLflow send no request of the block again: it would create twice what was created, if unanswered, once."""
    usual = os.environ[_RETRIES]
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        os.environ[_RETRIES] = usual


def store_lock() -> FileLock:
    """Return the lock between this checkout's processes, temporary workspaces included; it may be nested."""
    return FileLock(named_lock("mlflow"), timeout=_LOCK_TIMEOUT_S, is_singleton=True)


def _create_database() -> None:
    """Create a store that is a file of SQLite, whole or not at all, whoever else does so or is killed meanwhile."""
    from mlflow import MlflowClient

    path = database()
    if path is None or path.exists():
        return
    with store_lock():
        if not path.exists():
            with written_whole(path) as partial:
                MlflowClient(f"{_SQLITE}{partial}").search_experiments()  # creates the tables


def _default_store_uri() -> str:
    return f"{_SQLITE}{project_root() / 'mlflow.db'}"
