import subprocess
import sys
import time

import pytest
from support.publishers import assert_each_run_is_there_once, publish_at_once

from lenet.tracking import client as client_module
from lenet.tracking.client import artifacts_uri, open_client, redacted_uri, store_uri
from lenet.workspace import project_root


def test_the_store_is_the_projects_own_unless_the_environment_names_another(workspace, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert store_uri() == f"sqlite:///{workspace}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store_uri() == "http://127.0.0.1:5000"


def test_an_experiment_in_a_temporary_folder_logs_to_the_projects_store(workspace, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", "/the/checkout")
    assert str(project_root()) == "/the/checkout"
    assert store_uri() == "sqlite:////the/checkout/mlflow.db"


@pytest.mark.parametrize("address", ["sqlite:///another.db", "postgresql://me@host/runs"])
def test_artifacts_beside_a_database_are_in_the_project_not_in_a_temporary_workspace(workspace, monkeypatch, address):
    monkeypatch.setenv("DVC_ROOT", "/the/checkout")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert artifacts_uri() == "file:///the/checkout/mlartifacts"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert artifacts_uri() is None


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
    assert redacted_uri() == shown


@pytest.mark.slow
def test_a_database_that_cannot_be_opened_is_given_up_at_once(workspace, monkeypatch):
    import mlflow.store.db.utils  # noqa: F401  # not counted

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace / 'mlflow.db'}")
    (workspace / "mlflow.db").mkdir()
    start = time.monotonic()
    with pytest.raises(Exception, match="unable to open database file"):
        open_client()
    assert time.monotonic() - start < 50  # MLflow's own patience is over 100 s


def test_work_that_another_publisher_disturbs_is_done_again_and_no_other_failure_is_repeated(monkeypatch):
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST

    monkeypatch.setattr(client_module.random, "random", lambda: 0)
    failures = [MlflowException("in the way", error_code=BAD_REQUEST)] * 2

    def work():
        if failures:
            raise failures.pop()
        return "done"

    assert client_module.undisturbed(work) == "done"
    failures = [MlflowException("in the way", error_code=BAD_REQUEST), MlflowException("no answer")]
    with pytest.raises(MlflowException, match="no answer"):
        client_module.undisturbed(work)
    assert len(failures) == 1


OPEN = "from lenet.tracking.client import open_client; print(len(open_client().search_experiments()))"


@pytest.fixture
def opening(workspace, monkeypatch):
    """Start a process that opens the project's own store, which is not there yet."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
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
def test_eight_processes_may_create_the_database_at_once_and_nothing_is_lost_or_doubled(workspace, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    variants = [("shared", f"own_{number}") for number in range(8)]
    assert publish_at_once([workspace] * 8, variants) == ""
    assert [path.name for path in workspace.glob("*mlflow.db*")] == ["mlflow.db"]
    client = mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    assert_each_run_is_there_once(client, {variant for its in variants for variant in its})


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
