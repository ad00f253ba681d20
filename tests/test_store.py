from builders import identity

from lenet.store import Store, store_uri
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


def test_a_final_metric_that_changed_is_superseded(client):
    store = Store("digits")
    parent = store.open_parent(identity(), "", 1000)
    store.log_final(parent, 3, {"test/error_percent": 2.0})
    store.log_final(parent, 3, {"test/error_percent": 1.0})
    store.log_final(parent, 3, {"test/error_percent": 1.0})
    assert client().get_run(parent).data.metrics["test/error_percent"] == 1.0
    assert len(client().get_metric_history(parent, "test/error_percent")) == 2
