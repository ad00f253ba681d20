from dataclasses import replace

from support.builders import identity, settings

from lenet.tracking.store import UNKNOWN_MOMENT, Store, shown_uri, store_uri
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
    parent = store.open_parent(identity(), "", 1000, UNKNOWN_MOMENT)
    store.log_final(parent, 3, {"test/error_percent": 2.0})
    store.log_final(parent, 3, {"test/error_percent": 1.0})
    store.log_final(parent, 3, {"test/error_percent": 1.0})
    assert client().get_run(parent).data.metrics["test/error_percent"] == 1.0
    assert len(client().get_metric_history(parent, "test/error_percent")) == 2


def test_a_password_in_the_address_is_not_shown(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@db.example:5432/runs")
    assert shown_uri() == "postgresql://me:…@db.example:5432/runs"


def test_a_diverged_metric_is_logged_once(client):
    store = Store("digits")
    parent = store.open_parent(identity(), "", 1000, UNKNOWN_MOMENT)
    for _ in range(2):
        store.log_final(parent, 3, {"test/loss": float("nan")})
    assert len(client().get_metric_history(parent, "test/loss")) == 1


def test_a_run_published_from_the_files_learns_its_moment_when_it_is_trained_here(client):
    store = Store("digits")
    parent = store.open_parent(identity(), "", 1000, UNKNOWN_MOMENT)
    run_id = store.open_run(identity(), parent, 1000, UNKNOWN_MOMENT)
    assert store.open_run(identity(), parent, 1000, {"git_commit": "abc", "host": "here"}) == run_id
    tags = client().get_run(run_id).data.tags
    assert "republished" not in tags
    assert (tags["mlflow.source.git.commit"], tags["host"]) == ("abc", "here")


def test_a_model_whose_upload_was_cut_off_counts_as_lacking(client):
    from mlflow.entities import LoggedModelOutput

    store = Store("digits")
    run_id = store.open_run(identity(), store.open_parent(identity(), "", 1000, UNKNOWN_MOMENT), 1000, UNKNOWN_MOMENT)
    experiment = client().get_experiment_by_name("lenet5-digits").experiment_id
    model = client().create_logged_model(experiment, name="model", source_run_id=run_id)
    client().log_outputs(run_id, [LoggedModelOutput(model.model_id, step=1)])
    assert store.lacks_model(run_id)
    client().finalize_logged_model(model.model_id, "READY")
    assert not store.lacks_model(run_id)


def dataset_contexts(client, train_on):
    store = Store("digits")
    trained = replace(identity(), settings=settings(train_on=train_on))
    run_id = store.open_run(trained, store.open_parent(trained, "", 0, {}), 0, {})
    inputs = client().get_run(run_id).inputs.dataset_inputs
    return {each.dataset.name: each.tags[0].value for each in inputs}


def test_the_splits_are_named_as_what_they_were_used_for(client):
    assert dataset_contexts(client, "train") == {"digits train": "train", "digits validation": "validation"}
    both = dataset_contexts(client, "train_and_validation")
    assert both == {"digits train": "train", "digits validation": "train"}
