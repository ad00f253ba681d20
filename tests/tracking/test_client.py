from lenet.tracking.client import redacted_uri, store_uri
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


def test_a_password_in_the_address_is_not_shown(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@db.example:5432/runs")
    assert redacted_uri() == "postgresql://me:…@db.example:5432/runs"
