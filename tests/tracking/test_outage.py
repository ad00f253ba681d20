"""If the MLflow store fails during a command, one warning is printed, and the next publication adds what is missing."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from support.builders import seed_result, variant_result

from lenet.evaluation.results import save_result
from lenet.tracking import mlflow_store, publish

pytestmark = pytest.mark.slow  # with a real server and a real database


@contextmanager
def stopped(process):
    """Suspend a server during the `with` block. Clients can still connect to the server, but get no answer."""
    os.killpg(process.pid, signal.SIGSTOP)
    yield
    os.killpg(process.pid, signal.SIGCONT)


@contextmanager
def crashed(cluster):
    """Crash a database server at the start of the `with` block, and start it again at the end."""
    cluster.stop()
    yield
    cluster.start()


def assert_published_once(client, variant):
    """Assert that a variant with one seed is published: each run, metric and data set once."""
    experiment = client.get_experiment_by_name("lenet5-digits").experiment_id
    runs = client.search_runs([experiment], f"tags.variant = '{variant}'")
    child, parent = sorted(runs, key=lambda run: run.data.tags["kind"])
    assert {child.info.status, parent.info.status} == {"FINISHED"}
    assert parent.data.metrics["test/error_percent"] == child.data.metrics["test/error_percent"] == 10.0
    for name, values in seed_result().history.items():
        assert [point.value for point in client.get_metric_history(child.info.run_id, name)] == values
    for run in (child, parent):
        assert run.data.params["variant"] == variant
        assert len(run.inputs.dataset_inputs) == 2


@pytest.mark.parametrize(
    ("variant", "outage_name"), [("tanh_adam", "a stopped server"), ("relu_sgd", "a crashed database")]
)
def test_a_server_that_fails_while_publishing_gives_one_warning_and_later_has_everything_once(
    server, postgresql, workspace, monkeypatch, capfd, variant, outage_name
):
    import mlflow

    address, process = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    outage = stopped(process) if outage_name == "a stopped server" else crashed(postgresql)
    write = publish.MlflowRun.write

    def write_during_outage(run, *arguments, **options):
        if run.tags["kind"] == "seed":
            outage.__enter__()
            monkeypatch.setattr(publish.MlflowRun, "write", write)
        return write(run, *arguments, **options)

    save_result(variant_result(variant, errors=[10.0]))
    monkeypatch.setattr(publish.MlflowRun, "write", write_during_outage)
    with mlflow_store.disable_after_failure():
        for _ in range(3):
            with mlflow_store.failures_as_warnings():
                publish.publish_variant(variant)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: the MLflow store at http://127.0.0.1:")
    outage.__exit__(None, None, None)
    publish.publish_variant(variant)
    assert_published_once(mlflow.MlflowClient(address), variant)


def test_a_server_that_does_not_answer_gives_a_warning_within_seconds(server, workspace, monkeypatch, capfd):
    address, process = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with stopped(process):
        start = time.monotonic()
        with mlflow_store.disable_after_failure(), mlflow_store.failures_as_warnings():
            mlflow_store.open_client()
        assert time.monotonic() - start < 9  # MLflow itself would wait for minutes
    assert capfd.readouterr().err.startswith(f"warning: the MLflow store at {address} failed: ")


# The limit on file sizes acts like a full disk.
PUBLISH_ON_FULL_DISK = """
import resource
from lenet.tracking import publish, mlflow_store
resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
with mlflow_store.failures_as_warnings():
    publish.publish_variant("tanh_sgd")
"""


def test_a_full_disk_gives_one_warning_and_the_database_later_has_everything_once(client):
    save_result(variant_result("tanh_sgd", errors=[10.0]))
    done = subprocess.run([sys.executable, "-c", PUBLISH_ON_FULL_DISK], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: the MLflow store at sqlite:///")
    publish.publish_variant("tanh_sgd")
    assert_published_once(client(), "tanh_sgd")
