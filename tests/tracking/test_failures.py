import time

import pytest

from lenet.errors import LabError
from lenet.tracking import failures
from lenet.tracking.experiment import of_study
from lenet.tracking.run_finder import RunFinder
from lenet.workspace import project_root


def test_a_failure_becomes_one_warning_that_says_what_becomes_of_the_results(workspace, capsys):
    with failures.as_warnings():
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
    with failures.as_warnings():
        raise ConnectionError(said)
    with pytest.raises(LabError) as raised, failures.as_errors():
        raise ConnectionError(said)
    for text in (capsys.readouterr().err, str(raised.value)):
        assert text.startswith(("warning: the MLflow store at ", "the MLflow store at "))
        for secret in ("s3c", "'pa'", "me:"):
            assert secret not in text


def test_the_password_that_mlflow_has_from_the_environment_is_not_shown(workspace, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    failures.warn(ConnectionError("s3cret is no good password"))
    assert "s3cret" not in capsys.readouterr().err


def test_work_that_takes_too_long_is_left_to_itself(monkeypatch):
    monkeypatch.setattr(failures, "LIMIT_S", 0.1)
    with pytest.raises(TimeoutError, match=r"^not finished within 0\.1 s$"):
        failures.within_limit(lambda: time.sleep(1))


def test_work_that_ends_in_time_returns_or_raises_what_it_does():
    def late():
        raise TimeoutError("my own")

    assert failures.within_limit(lambda: 7) == 7
    with pytest.raises(TimeoutError, match="my own"):
        failures.within_limit(late)


def test_a_users_mistake_stays_as_it_is(workspace):
    with pytest.raises(LabError, match=r"^expected this$"), failures.as_errors():
        raise LabError("expected this")


@pytest.mark.slow
def test_an_explicit_publication_reports_a_failing_store_as_an_error(sqlite_client, monkeypatch):
    no_folder = f"sqlite:///{project_root() / 'params.yaml'}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", no_folder)
    with pytest.raises(LabError, match=f"^the MLflow store at {no_folder} failed: "):
        with failures.as_errors():
            RunFinder(of_study("digits"))


@pytest.mark.slow
def test_a_database_that_refuses_a_password_is_reported_in_a_line_without_it(workspace, postgresql, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgresql.address("store", password="wr0ng"))
    with pytest.raises(LabError) as raised, failures.as_errors():
        RunFinder(of_study("digits"))
    said = str(raised.value)
    assert said.startswith(f"the MLflow store at postgresql://…@127.0.0.1:{postgresql.port}/store failed: ")
    assert "password authentication failed" in said
    assert "wr0ng" not in said
    assert "\n" not in said
