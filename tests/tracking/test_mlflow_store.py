import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.builders import variant_result
from support.mirrors import in_temporary_workspace

from lenet.errors import LabError
from lenet.evaluation.results import save_result
from lenet.tracking import mlflow_store

IS_DISABLED = "from lenet.tracking import mlflow_store; print(mlflow_store.is_disabled())"
PUBLISH = "from lenet.tracking import publish; publish.publish_all()"
OPEN = "from lenet.tracking import mlflow_store; mlflow_store.open_client()"


@pytest.mark.parametrize(
    ("address", "uri", "database", "artifacts"),
    [
        (None, "sqlite:///{here}/mlflow.db", "{here}/mlflow.db", "file://{here}/mlartifacts"),
        ("sqlite:///mine.db", "sqlite:///{here}/mine.db", "{here}/mine.db", "file://{here}/mlartifacts"),
        ("sqlite:////else/mine.db", "sqlite:////else/mine.db", "/else/mine.db", "file://{here}/mlartifacts"),
        ("postgresql://me@host/runs", "postgresql://me@host/runs", None, "file://{here}/mlartifacts"),
        ("http://host:5000", "http://host:5000", None, None),
    ],
)
def test_a_temporary_workspace_uses_the_checkouts_mlflow_store_unless_the_environment_names_another(
    workspace, monkeypatch, address, uri, database, artifacts
):
    in_temporary_workspace(workspace, monkeypatch)
    if address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert mlflow_store.uri() == uri.format(here=workspace)
    assert mlflow_store.database_file() == (Path(database.format(here=workspace)) if database else None)
    assert mlflow_store.artifacts_uri() == (artifacts.format(here=workspace) if artifacts else None)


def test_asking_for_the_stores_address_does_not_import_mlflow():
    code = "import sys; from lenet.tracking import mlflow_store; mlflow_store.uri(); print('mlflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"False\n"


def fail(reason="no answer"):
    """Simulate a failed use of the MLflow store: raise a ConnectionError inside `failures_as_warnings`.

    If publishing is disabled, raise a StoreDisabledError instead.
    """
    with mlflow_store.failures_as_warnings():
        if mlflow_store.is_disabled():
            raise mlflow_store.StoreDisabledError
        raise ConnectionError(reason)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://me:s3cret@h/?token=s3cret", "login s3cret failed at http://me:s3cret@h/api?token=s3cret"),
        ("http://me:s3cret@h", f"{'x' * 190} http://me:s3cret@h"),
        ("http://h", "s3cret-of-the-environment is no good password"),
    ],
)
def test_neither_warnings_nor_errors_show_a_password(workspace, monkeypatch, capsys, address, reason):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret-of-the-environment")
    fail(reason)
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        raise ConnectionError(reason)
    for text in (capsys.readouterr().err, str(raised.value)):
        assert text.startswith(("warning: the MLflow store at http://", "the MLflow store at http://"))
        assert "s3c" not in text


def test_the_message_of_a_lab_error_is_not_changed(workspace):
    with pytest.raises(LabError, match=r"^expected this$"), mlflow_store.failures_as_errors():
        raise LabError("expected this")


def test_a_failure_prints_one_warning_and_disables_publishing_in_the_command_and_its_children(workspace, capsys):
    is_disabled_in_a_child = [sys.executable, "-c", IS_DISABLED]
    with mlflow_store.disable_after_failure():
        with mlflow_store.disable_after_failure():  # a command that another command calls
            fail("no answer\nat all")
        fail("no answer again")
        with pytest.raises(mlflow_store.StoreDisabledError):
            mlflow_store.open_client()
        assert subprocess.check_output(is_disabled_in_a_child) == b"True\n"
    (line,) = capsys.readouterr().err.splitlines()
    assert "mlflow.db failed: no answer at all: the results are in the files" in line
    assert subprocess.check_output(is_disabled_in_a_child) == b"False\n"


def test_the_environment_can_disable_publishing_without_a_warning(workspace, monkeypatch, capsys):
    for name, value in mlflow_store.disabled_environment().items():
        monkeypatch.setenv(name, value)
    with mlflow_store.disable_after_failure():
        fail()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_wrong_database_password_is_reported_soon_in_one_line_without_the_password(
    workspace, postgresql, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgresql.address("store", password="wr0ng"))
    start = time.monotonic()
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        mlflow_store.open_client()
    assert time.monotonic() - start < 50  # MLflow itself would try for over 100 s
    message = str(raised.value)
    assert message.startswith(f"the MLflow store at postgresql://…@127.0.0.1:{postgresql.port}/store failed: ")
    assert "password authentication failed" in message
    assert "wr0ng" not in message
    assert "\n" not in message


@pytest.mark.slow
def test_a_database_of_another_mlflow_version_is_refused_with_one_line(client):
    path = mlflow_store.database_file()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        mlflow_store.open_client()
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"sqlite:///{path} was written by another version of MLflow: move it away, and the next")


@pytest.mark.slow
def test_a_process_killed_while_creating_the_database_leaves_no_database(workspace):
    with subprocess.Popen([sys.executable, "-c", OPEN]) as creator:
        while creator.poll() is None and not list(workspace.glob(".mlflow.db.*.partial")):
            time.sleep(0.01)
        creator.kill()
    assert not (workspace / "mlflow.db").exists()
    subprocess.run([sys.executable, "-c", OPEN], check=True)
    assert [path.name for path in workspace.glob("*mlflow.db*")] == ["mlflow.db"]


def publish_in(folder):
    """Publish the results in a folder, as a command does. Return its stderr."""
    return subprocess.run(
        [sys.executable, "-c", PUBLISH], cwd=folder, env=os.environ, capture_output=True, text=True, check=True
    ).stderr


def texts_in(path):
    """Return all texts in a SQLite database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]
    return [value for row in rows for value in row if isinstance(value, str)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old_name", "new_name", "is_copied"),
    [("50% a%2Fb", "a new place", False), ("what?", "a#b", True)],
    ids=["moved", "copied"],
)
def test_a_moved_or_copied_checkout_keeps_its_mlflow_runs_and_writes_nothing_at_the_old_place(
    workspace, old_name, new_name, is_copied
):
    old, new = workspace / old_name, workspace / new_name
    for folder, errors in ((old, [1.0]), (workspace / "more", [1.0, 2.0])):
        save_result(variant_result("tanh_sgd", errors))
        folder.mkdir()
        shutil.move(workspace / "reports", folder)
    shutil.copy(workspace / "params.yaml", old)
    files_before = sorted(workspace.iterdir())
    assert "published 1 run " in publish_in(old)
    assert sorted(workspace.iterdir()) == files_before
    (shutil.copytree if is_copied else shutil.move)(old, new)
    shutil.copytree(workspace / "more", new, dirs_exist_ok=True)
    files_before = sorted(old.rglob("*"))
    assert publish_in(new).startswith(f"the checkout was moved: MLflow now finds its artifacts in {new}/mlartifacts\n")
    assert sorted(old.rglob("*")) == files_before
    assert not [text for text in texts_in(new / "mlflow.db") if f"{old.as_uri()}/mlartifacts" in text]
    assert len(list(new.glob("mlartifacts/lenet5-digits/*/artifacts/confusion.html"))) == 2
    assert publish_in(new) == ""
