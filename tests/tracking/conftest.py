"""Stores on PostgreSQL: what MLflow does on SQLite, it is to do there too."""

import pytest
from support.mlflow_servers import mlflow_server
from support.postgres import running_cluster


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL with a database `empty`, to copy: creating MLflow's tables takes seconds, once."""
    import mlflow

    with running_cluster() as cluster:
        mlflow.MlflowClient(cluster.create("empty")).search_experiments()
        cluster.disconnect("empty")
        yield cluster


@pytest.fixture
def postgresql_client(workspace, postgresql, monkeypatch):
    """As `client`, on PostgreSQL alone."""
    import mlflow

    address = postgresql.create("store", template="empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    yield lambda: mlflow.MlflowClient(address)
    mlflow.set_tracking_uri(None)
    postgresql.drop("store")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def client(request):
    """A look into the store, past the code under test: call it for an MlflowClient. Tests run on both databases."""
    return request.getfixturevalue(f"{request.param}_client")


@pytest.fixture(scope="session")
def server(postgresql, tmp_path_factory):
    """The address of a tracking server on PostgreSQL, and its process: the same one for all tests."""
    artifacts = tmp_path_factory.mktemp("server") / "artifacts"
    with mlflow_server(postgresql.create("server", template="empty"), artifacts) as running:
        yield running
