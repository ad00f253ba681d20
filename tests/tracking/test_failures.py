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


def test_a_users_mistake_stays_as_it_is(workspace):
    with pytest.raises(LabError, match=r"^expected this$"), failures.as_errors():
        raise LabError("expected this")


@pytest.mark.slow
def test_an_explicit_publication_reports_a_failing_store_as_an_error(client, monkeypatch):
    no_folder = f"sqlite:///{project_root() / 'params.yaml'}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", no_folder)
    with pytest.raises(LabError, match=f"^the MLflow store at {no_folder} failed: "):
        with failures.as_errors():
            RunFinder(of_study("digits"))
