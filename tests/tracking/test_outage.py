import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from support.builders import identity, seed_result, variant_result
from support.mlflow_servers import proxy_of
from support.runs import PROVENANCE, TRAINED

from lenet.evaluation.results import save_result
from lenet.execution.training import Wanted
from lenet.runs import store
from lenet.settings import load_settings
from lenet.tracking import failures, live, outage, publish
from lenet.tracking.client import open_client
from lenet.tracking.experiment import of_study

pytestmark = pytest.mark.slow  # real stores

IS_NOTED = "from lenet.tracking import outage; print(outage.is_noted())"


def fail(reason="no answer"):
    with failures.as_warnings():
        open_client()
        raise ConnectionError(reason)


def test_a_store_that_has_failed_is_left_alone_by_the_command_which_says_so_once(workspace, capsys):
    with outage.remembered():
        fail("no answer")
        fail("no answer again")
        assert outage.is_noted()
    (line,) = capsys.readouterr().err.splitlines()
    assert "no answer: the results are in the files" in line
    assert not outage.is_noted()


def test_a_command_within_another_shares_its_memory(workspace, capsys):
    with outage.remembered():
        with outage.remembered():
            fail()
        fail()
    assert capsys.readouterr().err.count("warning") == 1


def test_without_a_memory_every_failure_is_told(workspace, capsys):
    fail()
    fail()
    assert capsys.readouterr().err.count("warning") == 2


def test_a_command_can_be_told_to_leave_the_store_alone_in_silence(workspace, monkeypatch, capsys):
    for name, value in outage.leave_alone().items():
        monkeypatch.setenv(name, value)
    with outage.remembered():
        fail()
    assert capsys.readouterr().err == ""


def test_what_a_command_starts_knows_that_the_store_has_failed(workspace):
    with outage.remembered():
        fail()
        assert subprocess.check_output([sys.executable, "-c", IS_NOTED]) == b"True\n"
    assert subprocess.check_output([sys.executable, "-c", IS_NOTED]) == b"False\n"


def wait_until(shown):
    end = time.monotonic() + 120
    while not shown():
        assert time.monotonic() < end
        time.sleep(0.1)


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


def train(variant, meanwhile):
    """Log a training of two epochs, with what happens between them, and publish it as evaluate does."""
    run = Wanted(identity(), load_settings().base, (variant,))
    first, second = ({name: values[k] for name, values in seed_result().history.items()} for k in (0, 1))
    with live.log_training([run], {}, of_study("digits")) as log:
        log.epoch(run, 0, {})
        log.epoch(run, 1, first)
        meanwhile()
        log.epoch(run, 2, second)
        store.save(run.identity, TRAINED, PROVENANCE)
        log.finished(run, PROVENANCE)
    save_result(variant_result(variant, errors=[10.0]))
    with failures.as_warnings():
        publish.publish_variant(variant)


@pytest.fixture
def assert_trouble_costs_a_warning(workspace, monkeypatch, capfd):
    """Train and publish through a server that has some trouble in the middle, and again once that is over."""
    import mlflow

    monkeypatch.setattr(live, "_TIMEOUT_S", 10)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")

    def check(server, variant, trouble):
        client = mlflow.MlflowClient(server.address)

        def meanwhile():
            wait_until(lambda: any("train/loss" in run.data.metrics for run in runs_of(client, variant)))
            trouble.__enter__()

        with outage.remembered():
            train(variant, meanwhile)
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("warning: the MLflow store at http://127.0.0.1:")
        trouble.__exit__(None, None, None)
        publish.publish_variant(variant)
        assert_all_is_there_once(client, variant)

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


def test_a_database_that_another_process_locks_costs_a_warning_and_has_all_once_in_the_end(
    sqlite_client, monkeypatch, capfd
):
    monkeypatch.setattr(live, "_TIMEOUT_S", 1)
    with subprocess.Popen([sys.executable, "-c", LOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with outage.remembered():
            train("tanh_sgd", lambda: None)
        (line,) = capfd.readouterr().err.splitlines()
        assert "no answer within 1 s" in line
        other.stdin.close()
    publish.publish_variant("tanh_sgd")
    assert_all_is_there_once(sqlite_client(), "tanh_sgd")


FULL = """
import resource
from lenet.tracking import failures, publish
resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
with failures.as_warnings():
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
