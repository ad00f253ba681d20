"""Fixtures: an MLflow store on PostgreSQL, an MLflow server, and a network to attach to MLflow runs.

An MLflow store on PostgreSQL must behave like one on SQLite.
"""

import pytest
from support.builders import seed_result
from support.mlflow_servers import mlflow_server
from support.paths import ROOT
from support.postgres import running_cluster


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server. Its database `empty` has MLflow's tables, but no runs.

    Tests copy this database, because a copy takes less time than the creation of the tables.
    """
    import mlflow

    with running_cluster() as cluster:
        mlflow.MlflowClient(cluster.create("empty")).search_experiments()
        cluster.disconnect("empty")
        yield cluster


@pytest.fixture
def postgresql_client(workspace, postgresql, monkeypatch):
    """A function that returns an MLflow client for an MLflow store on PostgreSQL. The fixture `client` uses SQLite."""
    import mlflow

    address = postgresql.create("store", template="empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    yield lambda: mlflow.MlflowClient(address)
    mlflow.set_tracking_uri(None)
    postgresql.drop("store")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def either_client(request):
    """The fixture `client` (an MLflow store on SQLite) or `postgresql_client` (an MLflow store on PostgreSQL).

    A test with this fixture runs twice, once with each of the two.
    """
    return request.getfixturevalue("client" if request.param == "sqlite" else "postgresql_client")


@pytest.fixture(scope="session")
def server(postgresql, tmp_path_factory):
    """An MLflow server on PostgreSQL, shared by all tests that use it: its address and its process."""
    artifacts = tmp_path_factory.mktemp("server") / "artifacts"
    with mlflow_server(postgresql.create("server", template="empty"), artifacts) as address_and_process:
        yield address_and_process


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """A run of the network of 1998, with untrained weights. This network uses the project's own layers."""
    from lenet.network import determinism

    determinism.prepare()
    from lenet.mnist.splits import Statistics
    from lenet.network.model import build_model
    from lenet.settings import load_settings
    from lenet.training.trained_run import TrainedRun

    settings = load_settings(ROOT / "params.yaml").variant("lenet5_1998")
    model = build_model(settings, Statistics("digits", 0.1, 0, {}, 40.0, 80.0))
    path = tmp_path_factory.mktemp("network") / "untrained.weights.h5"
    model.save_weights(path)
    return TrainedRun(path.read_bytes(), model.to_json(), seed_result().history)
