"""Stores on PostgreSQL: what MLflow finds and creates on SQLite, it does there too. And a network to attach to runs."""

import pytest
from support.builders import seed_result
from support.mlflow_servers import mlflow_server
from support.paths import ROOT
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
def either_client(request):
    """As `client`, on each of both databases: for what finds and creates."""
    return request.getfixturevalue("client" if request.param == "sqlite" else "postgresql_client")


@pytest.fixture(scope="session")
def server(postgresql, tmp_path_factory):
    """The address of a tracking server on PostgreSQL, and its process: the same one for all tests."""
    artifacts = tmp_path_factory.mktemp("server") / "artifacts"
    with mlflow_server(postgresql.create("server", template="empty"), artifacts) as running:
        yield running


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """A run of the network of 1998, whose layers are this project's, with fresh weights."""
    from lenet.network import determinism

    determinism.prepare()
    from lenet.mnist.splits import Statistics
    from lenet.network.model import build_model
    from lenet.settings import load_settings
    from lenet.training.trained_run import TrainedRun

    settings = load_settings(ROOT / "params.yaml").variant("lenet5_1998")
    model = build_model(settings, Statistics("digits", 0.1, 0, {}, 40.0, 80.0))
    path = tmp_path_factory.mktemp("network") / "of.weights.h5"
    model.save_weights(path)
    return TrainedRun(path.read_bytes(), model.to_json(), seed_result().history)
