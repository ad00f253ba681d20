import pytest
from support.builders import variant_result

from lenet.evaluation.results import save_result
from lenet.tracking import publish, registry

pytestmark = pytest.mark.slow  # a real database

ABOUT = {"tanh_sgd": "as in 1998", "relu_adam": "as today"}


def attach_model(client, run_id):
    """Attach a model to a run, without its files."""
    from mlflow.entities import LoggedModelOutput

    model = client.create_logged_model(client.get_run(run_id).info.experiment_id, name="model", source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=1)])
    client.finalize_logged_model(model.model_id, "READY")


@pytest.fixture
def published(client):
    """Publish a variant with those errors, each of its runs with a model; return its result."""

    def make(variant, errors, with_models=True):
        result = variant_result(variant, errors)
        save_result(result)
        publish.publish_variant(variant)
        runs = client().search_runs([client().get_experiment_by_name("lenet5-digits").experiment_id])
        for run in runs if with_models else []:
            if run.data.tags["kind"] == "seed" and not run.outputs.model_outputs:
                attach_model(client(), run.info.run_id)
        return result

    return make


def who_is(client, alias):
    version = client.get_model_version_by_alias("lenet5-digits", alias)
    return client.get_run(version.run_id).info.run_name, str(version.version)


def test_mnists_models_and_those_of_the_digits_have_names_of_their_own():
    assert registry.model_uri("mnist") == "models:/lenet5@champion"
    assert registry.model_uri("digits") == "models:/lenet5-digits@champion"


def test_publishing_appoints_the_champion_and_the_baseline_once(client, published, capsys):
    published("tanh_sgd", errors=[3.0, 2.0])
    published("relu_adam", errors=[4.0, 1.0])
    for _ in range(2):
        publish.main()
        assert who_is(client(), "champion") == ("relu_adam seed 1", "1")
        assert who_is(client(), "baseline") == ("tanh_sgd seed 1", "2")
    assert capsys.readouterr().err.count("relu_adam seed 1 is the champion: version 1 of lenet5-digits\n") == 1
    assert len(client().search_model_versions("name = 'lenet5-digits'")) == 2


def test_the_baseline_can_be_the_champion_too(client, published):
    published("tanh_sgd", errors=[1.0])
    publish.main()
    assert who_is(client(), "champion") == who_is(client(), "baseline") == ("tanh_sgd seed 0", "1")


def test_a_better_run_takes_the_alias_over(client, published):
    published("tanh_sgd", errors=[3.0])
    publish.main()
    published("relu_adam", errors=[1.0])
    publish.main()
    assert who_is(client(), "champion") == ("relu_adam seed 0", "2")
    assert who_is(client(), "baseline") == ("tanh_sgd seed 0", "1")


def test_a_run_whose_model_is_not_here_is_passed_over(client, published):
    published("tanh_sgd", errors=[3.0])
    published("relu_adam", errors=[1.0], with_models=False)
    publish.main()
    assert who_is(client(), "champion") == ("tanh_sgd seed 0", "1")


def test_committed_metrics_alone_register_nothing(client, published):
    published("tanh_sgd", errors=[1.0], with_models=False)
    publish.main()
    assert client().search_registered_models() == []


def test_model_and_version_say_what_they_are(client, published):
    result = published("tanh_sgd", errors=[1.0])
    appointed = registry.Registry("digits")
    appointed.appoint("champion", [result], ABOUT)
    version = client().get_model_version_by_alias("lenet5-digits", "champion")
    assert "**champion**" in client().get_registered_model("lenet5-digits").description
    assert version.description.startswith("`tanh_sgd`, seed 0: as in 1998\n")
    assert version.tags == {"variant": "tanh_sgd", "seed": "0", "validation_error_percent": "1.0"}
    assert (appointed.has("champion"), appointed.has("baseline")) == (True, False)
