"""The MLflow store: its address, a client for it, the lock on it, and what happens where it fails.

It imports MLflow only where the store is opened.
"""

import itertools
import logging
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lenet.errors import LabError, in_one_line, shortened
from lenet.redaction import redacted
from lenet.runs.run_store import Lock, named_lock
from lenet.workspace import atomic_write, project_root

if TYPE_CHECKING:
    from mlflow import MlflowClient

# How long one variant may take to publish. A store that does not answer is given up sooner.
LIMIT_S = 300

# By default MLflow tries a request again and again, for minutes. Here a request is sent once, so that nothing is
# created twice; whatever it fails to write is published later, from the files.
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "PGCONNECT_TIMEOUT": "2",
    "PGOPTIONS": "-c statement_timeout=10000",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_FIRST_ANSWER_S = 2
# As SQLAlchemy names them.
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# Where MLflow's database keeps the absolute paths of artifacts.
_ARTIFACT_PATHS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
# The variable with the path of a file: while that file exists, the store is left alone.
_DISABLED_IF = "LENET_MLFLOW_DISABLED_IF"


class StoreDisabledError(Exception):
    """The store failed before in this command, and the user was told; or the command was asked to leave it alone."""


def uri() -> str:
    """Return the store's address: MLFLOW_TRACKING_URI, or else that of the project's own SQLite file."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return _from_checkout(given) if given else _sqlite_uri(_own_database())


def _from_checkout(address: str) -> str:
    """Return a store's address; one of a SQLite file with a relative path begins at the checkout.

    Else it would name another file in each temporary workspace.
    """
    scheme, _, path = address.partition(":///")
    if scheme.partition("+")[0] != "sqlite" or not path or path.startswith(("/", ":memory:")):
        return address
    return f"{_sqlite_uri(project_root())}/{path}"


def redacted_uri() -> str:
    """Return the store's address without a password, so that it may be printed."""
    return redacted(uri())


def database() -> Path | None:
    """Return the store's file, which need not exist; None where the store is no SQLite file."""
    scheme, _, path = uri().partition(":///")
    return Path(unquote(path.partition("?")[0])) if scheme.partition("+")[0] == "sqlite" else None


def artifacts_uri() -> str | None:
    """Return the project's folder for artifacts; None for a server, which has its own place for them.

    Without it, MLflow would use the current folder for a database, which may be a temporary workspace.
    """
    is_database = uri().partition(":")[0].partition("+")[0] in _DATABASES
    return _artifacts().as_uri() if is_database else None


def lock() -> Lock:
    """Return the lock between this checkout's processes, temporary workspaces included; it may be nested."""
    return named_lock("mlflow", timeout=LIMIT_S, is_singleton=True)


def open_client() -> "MlflowClient":
    """Return a client of the store, which is there and answers.

    Raises StoreDisabledError, LabError where another version of MLflow wrote the database, and what MLflow raises.
    """
    if is_disabled():
        raise StoreDisabledError
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = 1  # else a database that cannot be opened costs 100 s each time
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # a failure is reported in one line: see `_message`
    if path := database():
        with lock():
            _create(path)
            if path.resolve() == _own_database():
                _move_artifact_paths(path)
    mlflow.set_tracking_uri(uri())
    return _connected()


def _own_database() -> Path:
    return project_root() / "mlflow.db"


def _artifacts() -> Path:
    return project_root() / "mlartifacts"


def _sqlite_uri(path: Path) -> str:
    """Return the address of a SQLite file, whatever is in the names of its folders."""
    escaped = str(path).replace("%", "%25").replace("?", "%3F")
    # With `sqlite:///` MLflow would also create the folder that the escaped path names.
    scheme = "sqlite" if escaped == str(path) else "sqlite+pysqlite"
    return f"{scheme}:///{escaped}"


def _create(path: Path) -> None:
    """Create the database, unless it exists: whole or not at all."""
    from mlflow import MlflowClient

    if not path.exists():
        with atomic_write(path) as partial:
            MlflowClient(_sqlite_uri(partial)).search_experiments()  # creates the tables


def _move_artifact_paths(path: Path) -> None:
    """Let the database find its artifacts here where the checkout was moved, renamed or copied.

    MLflow keeps absolute paths, and would create the old folders again.
    """
    ours, ours_like = _artifacts().as_uri(), [f"file:///%/{_artifacts().name}/lenet5-%"]
    with closing(sqlite3.connect(path)) as connection, connection:
        moved: set[str] = set()
        with suppress(sqlite3.DatabaseError):  # MLflow says what is wrong
            rows = connection.execute(
                "SELECT artifact_location FROM experiments WHERE artifact_location LIKE ?", ours_like
            )
            moved = {location.rpartition("/")[0] for (location,) in rows} - {ours}
        for folder, (table, column) in itertools.product(moved, _ARTIFACT_PATHS.items()):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (f"{ours}/", len(folder) + 2, len(folder) + 1, f"{folder}/"),
            )
    if moved:
        print(f"the checkout was moved: MLflow now finds its artifacts in {_artifacts()}", file=sys.stderr)


def _connected() -> "MlflowClient":
    """Return a client of a store that has answered; raise soon where it does not."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    if uri().startswith(("http://", "https://")):
        timeout_s = min(_FIRST_ANSWER_S, int(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]))
        creds = get_default_host_creds(uri())
        # Once more if need be: a busy server drops a connection now and then.
        http_request(creds, "/health", "GET", timeout=timeout_s, max_retries=1, backoff_factor=0, raise_on_status=False)
    try:
        return MlflowClient(uri())
    except MlflowException as error:
        if "database schema" not in str(error):
            raise
        raise LabError(
            f"{redacted_uri()} was written by another version of MLflow: move it away, and the next command rebuilds "
            "it from the files, without runs of earlier settings; `mlflow db upgrade` keeps those of an older version"
        ) from None


@contextmanager
def failures_as_warnings() -> Iterator[None]:
    """Turn any failure in the block into a warning, the first one of a command: no result is lost by it."""
    try:
        yield
    except StoreDisabledError:
        pass
    except Exception as error:
        warn(error)


@contextmanager
def failures_as_errors() -> Iterator[None]:
    """Turn any failure in the block into a LabError of one line."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        raise LabError(_message(error)) from None


def warn(error: Exception) -> None:
    """Print a failure of the store, unless this command has printed one, and leave the store alone from now on."""
    if _is_first_failure():
        hint = "the results are in the files; `make ui` publishes them once the store works"
        print(f"warning: {_message(error)}: {hint}", file=sys.stderr, flush=True)


def _message(error: Exception) -> str:
    if isinstance(error, LabError):
        return str(error)
    secrets = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    known = [uri(), *(f"://{secret}@" for secret in secrets)]
    text = redacted(in_one_line(error), *known) or type(error).__name__
    return f"the MLflow store at {redacted_uri()} failed: {shortened(text, 200)}"


@contextmanager
def one_warning() -> Iterator[None]:
    """In the block, and in all processes that it starts, leave a store alone once it has failed.

    DVC's stages are processes of their own, so a file remembers the failure; they inherit its path.
    """
    if _DISABLED_IF in os.environ:  # as in a demo that `make repro` starts
        yield
        return
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        os.environ[_DISABLED_IF] = str(Path(folder) / "store-failed")
        try:
            yield
        finally:
            os.environ.pop(_DISABLED_IF, None)


def disabled_environment() -> dict[str, str]:
    """Return the environment that makes a command leave the store alone, in silence."""
    return {_DISABLED_IF: os.devnull}


def is_disabled() -> bool:
    """Return whether the store failed before in this command, or is to be left alone."""
    return _DISABLED_IF in os.environ and Path(os.environ[_DISABLED_IF]).exists()


def _is_first_failure() -> bool:
    """Remember a failure; return whether it is the first one, of which the user does not know."""
    if _DISABLED_IF not in os.environ:
        return True
    try:
        Path(os.environ[_DISABLED_IF]).touch(exist_ok=False)
    except OSError:
        return not is_disabled()  # on a full disk there is no room for a note
    return True
