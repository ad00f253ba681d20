"""Access to the MLflow store, which is MLflow's database or server: address, client, lock, handling of failures.

This module imports MLflow only when it opens the MLflow store.
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
from lenet.runs import run_store
from lenet.workspace import atomic_write, project_root

if TYPE_CHECKING:
    from mlflow import MlflowClient

# How long publishing one variant may take. If the MLflow store does not answer, the timeouts below end it sooner.
PUBLISH_LIMIT_S = 300

# By default MLflow repeats a failed request for minutes. Here each request is sent once, so that nothing is created
# twice. What could not be written is published later from the files. The user's own values take precedence.
_DEFAULT_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "PGCONNECT_TIMEOUT": "2",
    "PGOPTIONS": "-c statement_timeout=10000",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_HEALTH_TIMEOUT_S = 2
# The address of a database starts with one of these names of SQLAlchemy.
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# The columns in which MLflow's database keeps absolute paths of artifacts: table → column.
_ARTIFACT_COLUMNS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
# Names an environment variable that holds a path. While a file exists at this path, publishing is disabled.
_DISABLED_IF = "LENET_MLFLOW_DISABLED_IF"


class StoreDisabledError(Exception):
    """Publishing is disabled: the MLflow store failed earlier in this command, or the command must not publish.

    After a failure of the MLflow store, the user has already been warned.
    """


def uri() -> str:
    """Return the MLflow store's address: MLFLOW_TRACKING_URI if it is set, else the project's own SQLite file."""
    address = os.environ.get("MLFLOW_TRACKING_URI")
    return _with_absolute_path(address) if address else _sqlite_uri(_own_database_file())


def _with_absolute_path(address: str) -> str:
    """Return the MLflow store's address. If it names a SQLite file by a relative path, make the path absolute.

    The path is relative to the checkout. If it were relative to the current folder, the address would name a different
    file in each temporary workspace.
    """
    scheme, _, path = address.partition(":///")
    if scheme.partition("+")[0] != "sqlite" or not path or path.startswith(("/", ":memory:")):
        return address
    return f"{_sqlite_uri(project_root())}/{path}"


def redacted_uri() -> str:
    """Return the MLflow store's address without the password, for messages."""
    return redacted(uri())


def database_file() -> Path | None:
    """Return the path of the MLflow store's SQLite file, or None if the MLflow store is not a SQLite file.

    The file need not exist.
    """
    scheme, _, path = uri().partition(":///")
    return Path(unquote(path.partition("?")[0])) if scheme.partition("+")[0] == "sqlite" else None


def artifacts_uri() -> str | None:
    """Return the address of the folder for artifacts, the files that are attached to MLflow runs.

    If the MLflow store is a database, return a folder of the project: MLflow would otherwise use the current folder,
    which may be a temporary workspace. If the MLflow store is a server, return None: a server stores artifacts itself.
    """
    is_database = uri().partition(":")[0].partition("+")[0] in _DATABASES
    return _artifacts_folder().as_uri() if is_database else None


def lock() -> run_store.Lock:
    """Return the lock on the MLflow store. All processes of this checkout and its temporary workspaces share this lock.

    A process that holds the lock may acquire it again.
    """
    return run_store.lock("mlflow", timeout=PUBLISH_LIMIT_S, is_singleton=True)


def open_client() -> "MlflowClient":
    """Return a client of the MLflow store. If the MLflow store is a SQLite file that is missing, create the file.

    Raises StoreDisabledError if publishing is disabled, LabError if another version of MLflow wrote the database, and
    MLflow's exceptions if the MLflow store does not answer.
    """
    if is_disabled():
        raise StoreDisabledError
    for name, value in _DEFAULT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = 1  # else each attempt to open a broken database takes 100 s
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # `_failure_message` reports a failure in one line
    if path := database_file():
        with lock():
            _create_database(path)
            if path.resolve() == _own_database_file():
                _update_artifact_paths(path)
    mlflow.set_tracking_uri(uri())
    return _connect()


def _own_database_file() -> Path:
    return project_root() / "mlflow.db"


def _artifacts_folder() -> Path:
    return project_root() / "mlartifacts"


def _sqlite_uri(path: Path) -> str:
    """Return the address of a SQLite file. The path may contain any character."""
    escaped = str(path).replace("%", "%25").replace("?", "%3F")
    # With `sqlite:///` MLflow would also create a folder with the escaped name.
    scheme = "sqlite" if escaped == str(path) else "sqlite+pysqlite"
    return f"{scheme}:///{escaped}"


def _create_database(path: Path) -> None:
    """Create the database atomically, unless it exists."""
    from mlflow import MlflowClient

    if not path.exists():
        with atomic_write(path) as partial:
            MlflowClient(_sqlite_uri(partial)).search_experiments()  # creates the tables


def _update_artifact_paths(path: Path) -> None:
    """Correct the paths of artifacts in the database if the checkout was moved, renamed or copied.

    MLflow stores absolute paths. If they were not corrected, MLflow would create the old folders again.
    """
    current_folder, pattern = _artifacts_folder().as_uri(), [f"file:///%/{_artifacts_folder().name}/lenet5-%"]
    with closing(sqlite3.connect(path)) as connection, connection:
        old_folders: set[str] = set()
        with suppress(sqlite3.DatabaseError):  # MLflow opens the database next, and reports the error
            rows = connection.execute(
                "SELECT artifact_location FROM experiments WHERE artifact_location LIKE ?", pattern
            )
            old_folders = {location.rpartition("/")[0] for (location,) in rows} - {current_folder}
        for folder, (table, column) in itertools.product(old_folders, _ARTIFACT_COLUMNS.items()):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (f"{current_folder}/", len(folder) + 2, len(folder) + 1, f"{folder}/"),
            )
    if old_folders:
        print(f"the checkout was moved: MLflow now finds its artifacts in {_artifacts_folder()}", file=sys.stderr)


def _connect() -> "MlflowClient":
    """Return a client of the MLflow store. If a server does not answer, raise MLflow's exception within seconds."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    if uri().startswith(("http://", "https://")):
        timeout_s = min(_HEALTH_TIMEOUT_S, int(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]))
        creds = get_default_host_creds(uri())
        # One retry, because a busy server sometimes drops a connection.
        http_request(creds, "/health", "GET", timeout=timeout_s, max_retries=1, backoff_factor=0, raise_on_status=False)
    try:
        return MlflowClient(uri())
    except MlflowException as error:
        if "database schema" not in str(error):
            raise
        raise LabError(
            f"{redacted_uri()} was written by another version of MLflow: move it away, and the next command rebuilds "
            "it from the files, without runs of earlier settings; if that version was older, run "
            f"`mlflow db upgrade {redacted_uri()}` instead, which keeps these runs too"
        ) from None


@contextmanager
def failures_as_warnings() -> Iterator[None]:
    """Turn an exception in the `with` block into a warning that the MLflow store failed. Ignore StoreDisabledError.

    Inside `disable_after_failure`, warn only once, and disable publishing.
    """
    try:
        yield
    except StoreDisabledError:
        pass
    except Exception as error:
        if _is_first_failure():
            hint = "the results are in the files; `make ui` publishes them once the store works"
            print(f"warning: {_failure_message(error)}: {hint}", file=sys.stderr, flush=True)


@contextmanager
def failures_as_errors() -> Iterator[None]:
    """Turn any exception in the `with` block into a LabError with a message of one line."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        is_named = bool(os.environ.get("MLFLOW_TRACKING_URI"))
        hint = ": check that it runs, or correct MLFLOW_TRACKING_URI" if is_named else ""
        raise LabError(f"{_failure_message(error)}{hint}") from None


def _failure_message(error: Exception) -> str:
    if isinstance(error, LabError):
        return str(error)
    secrets = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    addresses = [uri(), *(f"://{secret}@" for secret in secrets)]
    reason = redacted(in_one_line(error), *addresses) or type(error).__name__
    return f"the MLflow store at {redacted_uri()} failed: {shortened(reason, 200)}"


@contextmanager
def disable_after_failure() -> Iterator[None]:
    """If the MLflow store fails in the `with` block, disable publishing until the block ends.

    Publishing is disabled in this process and in all processes that the block starts. DVC runs each stage in its own
    process, so a file records the failure. The processes inherit the file's path in an environment variable.
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
    """Return the environment variables that disable publishing in a command, without a warning."""
    return {_DISABLED_IF: os.devnull}


def is_disabled() -> bool:
    """Return whether publishing is disabled (see StoreDisabledError)."""
    return _DISABLED_IF in os.environ and Path(os.environ[_DISABLED_IF]).exists()


def _is_first_failure() -> bool:
    """Record a failure. Return whether it is the command's first failure: only then is the user warned."""
    if _DISABLED_IF not in os.environ:
        return True
    try:
        Path(os.environ[_DISABLED_IF]).touch(exist_ok=False)
    except OSError:
        return not is_disabled()  # on a full disk the failure cannot be recorded
    return True
