import pytest
from support.builders import identity, variant_result

from lenet.evaluation.results import save_result
from lenet.tracking import left_behind, publish
from lenet.tracking.experiment import of_study, of_sweep
from lenet.tracking.run_finder import UNKNOWN_PROVENANCE, RunFinder

pytestmark = pytest.mark.slow  # real databases


@pytest.fixture
def history(sqlite_client):
    """A history in mlflow.db: a variant's three runs with edited notes, one of earlier settings, one of a sweep."""
    save_result(variant_result("tanh_sgd", errors=[1.0, 2.0]))
    publish.main()
    for run in runs_of(sqlite_client()):
        sqlite_client().set_tag(run.info.run_id, "seen", "by me")
    earlier = identity(learning_rate=0.5)
    for experiment in (of_study("digits"), of_sweep("rates", "Which rate?", "digits", [])):
        RunFinder(experiment).find_or_create_parent("tanh_sgd", earlier, "", 1000, UNKNOWN_PROVENANCE)
    return sqlite_client


def runs_of(client):
    return client.search_runs([client.get_experiment_by_name("lenet5-digits").experiment_id])


def test_the_history_moves_to_another_store_and_it_is_said_how_many_runs_do_not(history, postgresql_client, capsys):
    for _ in range(2):
        publish.main()
        assert capsys.readouterr().err.splitlines()[-1] == (
            "runs in mlflow.db alone, without results here to publish: 2 (docs/scaling.md)"
        )
    moved = runs_of(postgresql_client())
    assert sorted(run.info.run_name for run in moved) == ["tanh_sgd", "tanh_sgd seed 0", "tanh_sgd seed 1"]
    assert not any("seen" in run.data.tags for run in moved)


def test_nothing_is_said_where_all_runs_have_moved_or_mlflow_db_is_the_store(
    sqlite_client, workspace, monkeypatch, capsys
):
    save_result(variant_result("tanh_sgd", errors=[1.0]))
    publish.main()
    assert left_behind.describe() is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace / 'another.db'}")
    publish.main()
    assert "mlflow.db alone" not in capsys.readouterr().err


def test_a_database_of_old_that_cannot_be_read_is_said_to_be_so(workspace, monkeypatch):
    (workspace / "mlflow.db").write_text("no database, whatever its name says: MLflow cannot read it")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace / 'another.db'}")
    said = left_behind.describe()
    assert said.startswith("mlflow.db cannot be read: it may have runs that sqlite:///")
    assert "another.db lacks: " in said
    assert "\n" not in said
