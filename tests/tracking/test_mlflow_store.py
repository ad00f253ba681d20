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

IS_LEFT_ALONE = "from lenet.tracking import mlflow_store; print(mlflow_store.is_disabled())"
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
def test_the_store_is_the_checkouts_own_in_a_temporary_workspace_too_unless_another_is_named(
    workspace, monkeypatch, address, uri, database, artifacts
):
    in_temporary_workspace(workspace, monkeypatch)
    if address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert mlflow_store.uri() == uri.format(here=workspace)
    assert mlflow_store.database() == (Path(database.format(here=workspace)) if database else None)
    assert mlflow_store.artifacts_uri() == (artifacts.format(here=workspace) if artifacts else None)


def test_the_store_can_be_asked_for_its_address_without_mlflow():
    code = "import sys; from lenet.tracking import mlflow_store; mlflow_store.uri(); print('mlflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"False\n"


def fail(reason="no answer"):
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
def test_a_password_is_in_neither_warning_nor_error(workspace, monkeypatch, capsys, address, reason):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret-of-the-environment")
    fail(reason)
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        raise ConnectionError(reason)
    for text in (capsys.readouterr().err, str(raised.value)):
        assert text.startswith(("warning: the MLflow store at http://", "the MLflow store at http://"))
        assert "s3c" not in text


def test_a_users_mistake_stays_as_it_is(workspace):
    with pytest.raises(LabError, match=r"^expected this$"), mlflow_store.failures_as_errors():
        raise LabError("expected this")


def test_a_store_that_has_failed_is_left_alone_by_the_command_and_what_it_starts_and_said_once(workspace, capsys):
    is_left_alone_by_a_child = [sys.executable, "-c", IS_LEFT_ALONE]
    with mlflow_store.one_warning():
        with mlflow_store.one_warning():  # a command within another
            fail("no answer\nat all")
        fail("no answer again")
        with pytest.raises(mlflow_store.StoreDisabledError):
            mlflow_store.open_client()
        assert subprocess.check_output(is_left_alone_by_a_child) == b"True\n"
    (line,) = capsys.readouterr().err.splitlines()
    assert "mlflow.db failed: no answer at all: the results are in the files" in line
    assert subprocess.check_output(is_left_alone_by_a_child) == b"False\n"


def test_a_command_can_be_told_to_leave_the_store_alone_in_silence(workspace, monkeypatch, capsys):
    for name, value in mlflow_store.disabled_environment().items():
        monkeypatch.setenv(name, value)
    with mlflow_store.one_warning():
        fail()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_database_that_refuses_a_password_is_reported_soon_in_a_line_without_it(workspace, postgresql, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgresql.address("store", password="wr0ng"))
    start = time.monotonic()
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        mlflow_store.open_client()
    assert time.monotonic() - start < 50  # MLflow's own patience is over 100 s
    message = str(raised.value)
    assert message.startswith(f"the MLflow store at postgresql://…@127.0.0.1:{postgresql.port}/store failed: ")
    assert "password authentication failed" in message
    assert "wr0ng" not in message
    assert "\n" not in message


@pytest.mark.slow
def test_a_database_of_another_version_of_mlflow_is_refused_in_one_line(client):
    path = mlflow_store.database()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        mlflow_store.open_client()
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"sqlite:///{path} was written by another version of MLflow: move it away, and the next")


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_creates_the_database_leaves_none(workspace):
    with subprocess.Popen([sys.executable, "-c", OPEN]) as creator:
        while creator.poll() is None and not list(workspace.glob(".mlflow.db.*.partial")):
            time.sleep(0.01)
        creator.kill()
    assert not (workspace / "mlflow.db").exists()
    subprocess.run([sys.executable, "-c", OPEN], check=True)
    assert [path.name for path in workspace.glob("*mlflow.db*")] == ["mlflow.db"]


def publish_in(folder):
    """Publish the results in a folder, as a command does; return what it says."""
    return subprocess.run(
        [sys.executable, "-c", PUBLISH], cwd=folder, env=os.environ, capture_output=True, text=True, check=True
    ).stderr


def texts_in(path):
    """All texts in a database."""
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
def test_in_a_checkout_that_was_moved_or_copied_history_works_and_nothing_is_written_elsewhere(
    workspace, old_name, new_name, is_copied
):
    old, new = workspace / old_name, workspace / new_name
    for folder, errors in ((old, [1.0]), (workspace / "more", [1.0, 2.0])):
        save_result(variant_result("tanh_sgd", errors))
        folder.mkdir()
        shutil.move(workspace / "reports", folder)
    shutil.copy(workspace / "params.yaml", old)
    before = sorted(workspace.iterdir())
    assert "published 1 runs" in publish_in(old)
    assert sorted(workspace.iterdir()) == before
    (shutil.copytree if is_copied else shutil.move)(old, new)
    shutil.copytree(workspace / "more", new, dirs_exist_ok=True)
    before = sorted(old.rglob("*"))
    assert publish_in(new).startswith(f"the checkout was moved: MLflow now finds its artifacts in {new}/mlartifacts\n")
    assert sorted(old.rglob("*")) == before
    assert not [text for text in texts_in(new / "mlflow.db") if f"{old.as_uri()}/mlartifacts" in text]
    assert len(list(new.glob("mlartifacts/lenet5-digits/*/artifacts/confusion.html"))) == 2
    assert publish_in(new) == ""
