import pytest
from support.builders import identity

from lenet.tracking.experiment import of_study
from lenet.tracking.run_finder import UNKNOWN_PROVENANCE, RunFinder

pytestmark = pytest.mark.slow  # a real database


def new_parent():
    return RunFinder(of_study("digits")).find_or_create_parent("tanh_sgd", identity(), "", 1000, UNKNOWN_PROVENANCE)


def test_a_final_metric_that_changed_is_superseded(client):
    parent = new_parent()
    parent.log_final(3, {"test/error_percent": 2.0})
    parent.log_final(3, {"test/error_percent": 1.0})
    parent.log_final(3, {"test/error_percent": 1.0})
    assert client().get_run(parent.run_id).data.metrics["test/error_percent"] == 1.0
    assert len(client().get_metric_history(parent.run_id, "test/error_percent")) == 2


def test_a_diverged_metric_is_logged_once(client):
    parent = new_parent()
    for _ in range(2):
        parent.log_final(3, {"test/loss": float("nan")})
    assert len(client().get_metric_history(parent.run_id, "test/loss")) == 1


def test_a_model_whose_upload_was_cut_off_counts_as_lacking(client):
    from mlflow.entities import LoggedModelOutput

    run = RunFinder(of_study("digits")).find_or_create_seed(
        "tanh_sgd", identity(), new_parent(), 1000, UNKNOWN_PROVENANCE
    )
    experiment = client().get_experiment_by_name("lenet5-digits").experiment_id
    model = client().create_logged_model(experiment, name="model", source_run_id=run.run_id)
    client().log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=1)])
    assert run.model_id() is None
    client().finalize_logged_model(model.model_id, "READY")
    assert run.model_id() == model.model_id
