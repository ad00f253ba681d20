"""A store that fails in the middle of a command costs one warning; the next publication completes it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from support.builders import seed_result, variant_result
from support.mlflow_servers import proxy_of

from lenet.evaluation.results import save_result
from lenet.tracking import mlflow_store, publish

pytestmark = pytest.mark.slow  # real stores


@contextmanager
def stopped(server, proxy):
    server.signal(signal.SIGSTOP)
    yield
    server.signal(signal.SIGCONT)


@contextmanager
def killed(server, proxy):
    server.kill()
    yield
    server.start()


@contextmanager
def answering_500(server, proxy):
    proxy.down = True
    yield
    proxy.down = False


def runs_of(client, variant):
    found = client.get_experiment_by_name("lenet5-digits")
    return client.search_runs([found.experiment_id], f"tags.variant = '{variant}'") if found else []


def assert_all_is_there_once(client, variant):
    child, parent = sorted(runs_of(client, variant), key=lambda run: run.data.tags["kind"])
    assert {child.info.status, parent.info.status} == {"FINISHED"}
    assert parent.data.metrics["test/error_percent"] == child.data.metrics["test/error_percent"] == 10.0
    for name, values in seed_result().history.items():
        assert [point.value for point in client.get_metric_history(child.info.run_id, name)] == values
    for run in (child, parent):
        assert run.data.params["variant"] == variant
        assert len(run.inputs.dataset_inputs) == 2


@pytest.fixture
def assert_trouble_costs_a_warning(workspace, monkeypatch, capfd):
    """Publish to a server that has some trouble in the middle, and again once that is over."""
    import mlflow

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    write = publish.MlflowRun.write

    def check(server, variant, trouble):
        def write_in_trouble(run, *arguments, **named):
            if run.tags["kind"] == "seed":
                trouble.__enter__()
                monkeypatch.setattr(publish.MlflowRun, "write", write)
            return write(run, *arguments, **named)

        save_result(variant_result(variant, errors=[10.0]))
        monkeypatch.setattr(publish.MlflowRun, "write", write_in_trouble)
        with mlflow_store.one_warning():
            for _ in range(3):
                with mlflow_store.failures_as_warnings():
                    publish.publish_variant(variant)
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("warning: the MLflow store at http://127.0.0.1:")
        trouble.__exit__(None, None, None)
        publish.publish_variant(variant)
        assert_all_is_there_once(mlflow.MlflowClient(server.address), variant)

    return check


@pytest.mark.parametrize(
    ("variant", "out_of_order"), [("tanh_adam", stopped), ("relu_sgd", answering_500), ("tanh_sgd_28", killed)]
)
def test_a_server_that_fails_in_the_middle_costs_a_warning_and_has_all_once_in_the_end(
    server, assert_trouble_costs_a_warning, monkeypatch, variant, out_of_order
):
    with proxy_of(server) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.address if out_of_order is answering_500 else server.address)
        assert_trouble_costs_a_warning(server, variant, out_of_order(server, proxy))


def test_a_server_that_never_answers_is_given_up_soon(server, workspace, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    with stopped(server, None):
        start = time.monotonic()
        with mlflow_store.one_warning(), mlflow_store.failures_as_warnings():
            mlflow_store.open_client()
        assert time.monotonic() - start < 9  # by itself MLflow would wait for minutes
    assert capfd.readouterr().err.startswith(f"warning: the MLflow store at {server.address} failed: ")


@contextmanager
def crashed(cluster):
    cluster.stop()
    yield
    cluster.start()


def test_a_database_that_crashes_under_the_server_costs_a_warning_and_has_all_once_in_the_end(
    server_on_postgresql, postgresql, assert_trouble_costs_a_warning, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_on_postgresql.address)
    assert_trouble_costs_a_warning(server_on_postgresql, "tanh_adam", crashed(postgresql))


LOCK = """
import sqlite3, sys
sqlite3.connect("mlflow.db").execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_database_that_another_process_locks_costs_a_warning_and_has_all_once_in_the_end(sqlite_client, capfd):
    save_result(variant_result("tanh_sgd", errors=[10.0]))
    with subprocess.Popen([sys.executable, "-c", LOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with mlflow_store.one_warning(), mlflow_store.failures_as_warnings():
            publish.publish_variant("tanh_sgd")
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("warning: the MLflow store at sqlite:///")
        assert "locked" in line
        other.stdin.close()
    publish.publish_variant("tanh_sgd")
    assert_all_is_there_once(sqlite_client(), "tanh_sgd")


FULL = """
import resource
from lenet.tracking import publish, mlflow_store
resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
with mlflow_store.failures_as_warnings():
    publish.publish_variant("tanh_sgd")
"""


def test_a_full_disk_under_the_database_costs_a_warning_and_has_all_once_in_the_end(sqlite_client):
    save_result(variant_result("tanh_sgd", errors=[10.0]))
    done = subprocess.run([sys.executable, "-c", FULL], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: the MLflow store at sqlite:///")
    publish.publish_variant("tanh_sgd")
    assert_all_is_there_once(sqlite_client(), "tanh_sgd")
