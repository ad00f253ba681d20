"""The MLflow store: its address, a client for it, and the lock between processes that write to it."""

import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock

from lenet.workspace import machine_notes, project_root

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LIMITS = {
    # By default MLflow retries for minutes. What cannot be logged now is published from the files later.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LOCK_TIMEOUT_S = 60


def store_uri() -> str:
    """Return the store's address: MLFLOW_TRACKING_URI, or else the project's own SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _default_store_uri()


def redacted_uri() -> str:
    """Return the store's address without a password, so that it may be printed."""
    password = urlsplit(store_uri()).password
    return store_uri().replace(f":{password}@", ":…@") if password else store_uri()


def artifacts_uri() -> str | None:
    """Return the folder for artifacts beside the project's own database; None for a server, which has a place for them.

    None leaves the choice to MLflow.
    """
    return (project_root() / "mlartifacts").as_uri() if store_uri() == _default_store_uri() else None


def open_client() -> "MlflowClient":
    """Return a client of the store, which gives up within seconds where the store does not answer."""
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    import mlflow

    # Failures are reported once, in one line: see failures.py.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    mlflow.set_tracking_uri(store_uri())
    return mlflow.MlflowClient(store_uri())


def store_lock() -> FileLock:
    """Return the lock between this checkout's processes, temporary workspaces included; it may be nested."""
    machine_notes().mkdir(exist_ok=True)
    return FileLock(machine_notes() / "publish.lock", timeout=_LOCK_TIMEOUT_S, is_singleton=True)


def _default_store_uri() -> str:
    return f"sqlite:///{project_root() / 'mlflow.db'}"
