import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from support.builders import variant_result

from lenet.errors import LabError
from lenet.evaluation.results import save_result
from lenet.tracking import mlflow_store
from lenet.workspace import project_root

IS_LEFT_ALONE = "from lenet.tracking import mlflow_store; print(mlflow_store.is_left_alone())"
PUBLISH = "from lenet.tracking import publish; publish.publish_all()"
OPEN = "from lenet.tracking import mlflow_store; print(len(mlflow_store.open_client().search_experiments()))"


def test_the_store_is_the_projects_own_unless_the_environment_names_another(workspace, monkeypatch):
    assert mlflow_store.uri() == f"sqlite:///{workspace}/mlflow.db"
    assert mlflow_store.database() == workspace / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert mlflow_store.uri() == "http://127.0.0.1:5000"
    assert mlflow_store.database() is None


def test_an_experiment_in_a_temporary_folder_logs_to_the_projects_store(workspace, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", "/the/checkout")
    assert str(project_root()) == "/the/checkout"
    assert mlflow_store.uri() == "sqlite:////the/checkout/mlflow.db"


@pytest.mark.parametrize("address", ["sqlite:///another.db", "postgresql://me@host/runs"])
def test_artifacts_beside_a_database_are_in_the_project_not_in_a_temporary_workspace(workspace, monkeypatch, address):
    monkeypatch.setenv("DVC_ROOT", "/the/checkout")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert mlflow_store.artifacts_uri() == "file:///the/checkout/mlartifacts"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert mlflow_store.artifacts_uri() is None


def test_the_store_can_be_asked_for_its_address_without_mlflow():
    code = "import sys; from lenet.tracking import mlflow_store; mlflow_store.uri(); print('mlflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"False\n"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:secret@db.example:5432/runs", "postgresql://…@db.example:5432/runs"),
        ("postgresql://me:pa/ss@db.example/runs", "postgresql://…@db.example/runs"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_the_address_is_shown_without_a_password_and_whatever_it_is(workspace, monkeypatch, address, shown):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert mlflow_store.redacted_uri() == shown


def test_a_failure_becomes_one_warning_that_says_what_becomes_of_the_results(workspace, capsys):
    with mlflow_store.failures_as_warnings():
        raise ConnectionError("no answer\nat all")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the MLflow store at sqlite:///")
    assert "mlflow.db failed: no answer at all: the results are in the files" in line


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://me:s3cret@h/?token=s3cret", "login s3cret failed at http://me:s3cret@h/api?token=s3cret"),
        ("postgresql://me:pa/s3cret@h/runs", "postgresql://me:pa/s3cret@h/runs is wrong: 'pa'"),
        ("http://me:s3cret@h", f"{'x' * 190} http://me:s3cret@h"),
        ("http://[bad", "Invalid IPv6 URL"),
    ],
)
def test_a_password_is_in_neither_warning_nor_error_and_no_address_stops_them(
    workspace, monkeypatch, capsys, address, said
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with mlflow_store.failures_as_warnings():
        raise ConnectionError(said)
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        raise ConnectionError(said)
    for text in (capsys.readouterr().err, str(raised.value)):
        assert text.startswith(("warning: the MLflow store at ", "the MLflow store at "))
        for secret in ("s3c", "'pa'", "me:"):
            assert secret not in text


def test_the_password_that_mlflow_has_from_the_environment_is_not_shown(workspace, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    mlflow_store.warn(ConnectionError("s3cret is no good password"))
    assert "s3cret" not in capsys.readouterr().err


def test_a_users_mistake_stays_as_it_is(workspace):
    with pytest.raises(LabError, match=r"^expected this$"), mlflow_store.failures_as_errors():
        raise LabError("expected this")


def fail(reason="no answer"):
    with mlflow_store.failures_as_warnings():
        if mlflow_store.is_left_alone():
            raise mlflow_store.StoreLeftAloneError
        raise ConnectionError(reason)


def test_a_store_that_has_failed_is_left_alone_by_the_command_which_says_so_once(workspace, capsys):
    with mlflow_store.one_warning():
        fail("no answer")
        fail("no answer again")
        assert mlflow_store.is_left_alone()
        with pytest.raises(mlflow_store.StoreLeftAloneError):
            mlflow_store.open_client()
    (line,) = capsys.readouterr().err.splitlines()
    assert "no answer: the results are in the files" in line
    assert not mlflow_store.is_left_alone()


def test_a_command_within_another_shares_its_memory(workspace, capsys):
    with mlflow_store.one_warning():
        with mlflow_store.one_warning():
            fail()
        fail()
    assert capsys.readouterr().err.count("warning") == 1


def test_without_a_memory_every_failure_is_told(workspace, capsys):
    fail()
    fail()
    assert capsys.readouterr().err.count("warning") == 2


def test_a_command_can_be_told_to_leave_the_store_alone_in_silence(workspace, monkeypatch, capsys):
    for name, value in mlflow_store.left_alone().items():
        monkeypatch.setenv(name, value)
    with mlflow_store.one_warning():
        fail()
    assert capsys.readouterr().err == ""


def test_what_a_command_starts_knows_that_the_store_has_failed(workspace):
    with mlflow_store.one_warning():
        fail()
        assert subprocess.check_output([sys.executable, "-c", IS_LEFT_ALONE]) == b"True\n"
    assert subprocess.check_output([sys.executable, "-c", IS_LEFT_ALONE]) == b"False\n"


@pytest.mark.slow
def test_a_database_that_cannot_be_opened_is_given_up_at_once(workspace):
    (workspace / "mlflow.db").mkdir()
    start = time.monotonic()
    with pytest.raises(Exception, match="unable to open database file"):
        mlflow_store.open_client()
    assert time.monotonic() - start < 50  # MLflow's own patience is over 100 s


@pytest.mark.slow
def test_a_database_that_refuses_a_password_is_reported_in_a_line_without_it(workspace, postgresql, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgresql.address("store", password="wr0ng"))
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        mlflow_store.open_client()
    said = str(raised.value)
    assert said.startswith(f"the MLflow store at postgresql://…@127.0.0.1:{postgresql.port}/store failed: ")
    assert "password authentication failed" in said
    assert "wr0ng" not in said
    assert "\n" not in said


@pytest.mark.slow
def test_a_database_of_another_version_of_mlflow_is_refused_in_one_line_and_rebuilt_once_it_is_away(sqlite_client):
    path = mlflow_store.database()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(LabError) as raised, mlflow_store.failures_as_errors():
        mlflow_store.open_client()
    said = str(raised.value)
    assert said.startswith(f"sqlite:///{path} was written by another version of MLflow: move it away, and the next")
    assert "\n" not in said
    path.rename(path.with_name("newer.db"))
    assert subprocess.check_output([sys.executable, "-c", OPEN]) == b"1\n"


@pytest.fixture
def opening(workspace):
    """Start a process that opens the project's own store, which is not there yet."""
    started = []

    def start():
        started.append(
            subprocess.Popen([sys.executable, "-c", OPEN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_creates_the_database_leaves_none(opening, workspace):
    creator = opening()
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(workspace.glob(".mlflow.db.*.partial")):
        time.sleep(0.01)
    creator.kill()
    creator.wait()
    assert not (workspace / "mlflow.db").exists()
    assert opening().communicate()[0] == "1\n"
    assert [path.name for path in workspace.glob("*mlflow.db*")] == ["mlflow.db"]


def publish_in(folder):
    """Publish the results in a folder, as a command does; return what it says."""
    return subprocess.run(
        [sys.executable, "-c", PUBLISH], cwd=folder, env=os.environ, capture_output=True, text=True, check=True
    ).stderr


@pytest.fixture
def checkout(sqlite_client, workspace):
    """A folder with results, and a store in which they are published."""
    folder = workspace / "checkout"
    folder.mkdir()
    for name in ("params.yaml", "mlflow.db"):
        shutil.move(workspace / name, folder)
    save_result(variant_result("tanh_sgd", errors=[1.0]))
    shutil.move(workspace / "reports", folder)
    assert "published 1 runs" in publish_in(folder)
    return folder


def change_results(folder, workspace):
    """Give a checkout other results of the same variant."""
    shutil.rmtree(folder / "reports")
    save_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    shutil.move(workspace / "reports", folder)


def client_of(folder):
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def texts_in(path):
    """All texts in a database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]
    return [value for row in rows for value in row if isinstance(value, str)]


@pytest.mark.slow
@pytest.mark.parametrize("is_copied", [False, True], ids=["moved", "copied"])
def test_in_a_checkout_that_was_moved_or_copied_history_works_and_nothing_is_written_elsewhere(
    checkout, workspace, is_copied
):
    new = workspace / "new place"
    (shutil.copytree if is_copied else shutil.move)(checkout, new)
    before = sorted(checkout.rglob("*"))
    change_results(new, workspace)
    said = publish_in(new)
    assert said.startswith(f"the checkout was moved: MLflow now finds its artifacts in {new}/mlartifacts\n")
    assert sorted(checkout.rglob("*")) == before
    assert not [text for text in texts_in(new / "mlflow.db") if f"{checkout}/mlartifacts" in text]
    client = client_of(new)
    runs = client.search_runs([client.get_experiment_by_name("lenet5-digits").experiment_id], "tags.kind = 'seed'")
    assert len(runs) == 2
    for run in runs:
        assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["confusion.html"]
    assert publish_in(new) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["50%", "a%2Fb", "what?", "a#b"])
def test_a_checkout_may_be_in_a_folder_of_any_name(checkout, workspace, name):
    shutil.rmtree(checkout / "mlartifacts")
    (checkout / "mlflow.db").unlink()
    folder = workspace / name
    checkout.rename(folder)
    assert "published 1 runs" in publish_in(folder)
    assert publish_in(folder) == ""
    assert (folder / "mlflow.db").is_file()
    assert len(list(folder.glob("mlartifacts/lenet5-digits/*/artifacts/confusion.html"))) == 1
    assert sorted(path.name for path in workspace.iterdir()) == [name]


@pytest.mark.slow
def test_artifacts_that_were_deleted_are_published_again(checkout):
    shutil.rmtree(checkout / "mlartifacts")
    assert "published 1 runs" in publish_in(checkout)
    assert len(list(checkout.glob("mlartifacts/lenet5-digits/*/artifacts/confusion.html"))) == 1
    assert publish_in(checkout) == ""
