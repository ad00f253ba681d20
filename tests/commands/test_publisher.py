import sys
import threading
from types import SimpleNamespace

from lenet.commands.publisher import Publisher
from lenet.tracking import mlflow_store, publish


def test_work_is_done_in_its_order_on_another_thread_with_the_module_that_publishes(workspace):
    done = []
    publisher = Publisher()
    for number in range(3):
        publisher.add(lambda module, number=number: done.append((number, module, threading.current_thread().name)))
    publisher.wait()
    assert done == [(number, publish, "mlflow") for number in range(3)]


def test_work_that_fails_costs_one_warning_and_the_rest_is_done(workspace, capsys):
    done = []
    publisher = Publisher()

    def fail(module):
        raise ConnectionError("no answer")

    with mlflow_store.one_warning():
        for work in (fail, fail, lambda module: done.append("rest")):
            publisher.add(work)
        publisher.wait()
    assert done == ["rest"]
    assert capsys.readouterr().err.count("warning: the MLflow store at ") == 1


def test_mlflow_that_cannot_be_imported_costs_a_warning(workspace, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lenet.tracking", SimpleNamespace(mlflow_store=mlflow_store))
    publisher = Publisher()
    publisher.add(lambda module: None)
    publisher.wait()
    assert "warning: the MLflow store at " in capsys.readouterr().err
