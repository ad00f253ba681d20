import sys
import threading
from types import SimpleNamespace

from lenet.commands.publisher import Publisher
from lenet.tracking import mlflow_store, publish


def test_work_runs_in_order_on_one_thread_and_gets_the_module_publish(workspace):
    done = []
    publisher = Publisher()
    for number in range(3):
        publisher.add(lambda module, number=number: done.append((number, module, threading.current_thread().name)))
    publisher.wait()
    assert done == [(number, publish, "mlflow") for number in range(3)]


def test_a_failure_causes_one_warning_and_the_rest_of_the_work_is_not_tried(workspace, capsys):
    done = []
    publisher = Publisher()

    def fail(module):
        raise ConnectionError("no answer")

    with mlflow_store.disable_after_failure():
        for work in (done.append, fail, done.append):
            publisher.add(work)
        publisher.wait()
    assert done == [publish]
    assert capsys.readouterr().err.count("warning: the MLflow store at ") == 1


def test_if_mlflow_cannot_be_imported_a_warning_is_printed(workspace, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lenet.tracking", SimpleNamespace(mlflow_store=mlflow_store))
    publisher = Publisher()
    publisher.add(lambda module: None)
    publisher.wait()
    assert "warning: the MLflow store at " in capsys.readouterr().err
