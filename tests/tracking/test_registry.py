import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.builders import seed_result, variant_result
from support.paths import ROOT

from lenet.evaluation.results import save_result
from lenet.runs.files import files_of, folder_of, write_files
from lenet.tracking import publish, registry
from lenet.workspace import DETAILS, project_root

pytestmark = pytest.mark.slow  # a real database, real networks


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A trained run of the base variant, with fresh weights."""
    from lenet.network import determinism

    determinism.prepare()
    from lenet.mnist.splits import Statistics
    from lenet.network.model import build_model
    from lenet.settings import load_settings
    from lenet.training.trained_run import TrainedRun

    model = build_model(load_settings(ROOT / "params.yaml").base, Statistics("digits", 0.1, 0, {}, 40.0, 80.0))
    path = tmp_path_factory.mktemp("network") / "of.weights.h5"
    model.save_weights(path)
    return TrainedRun(path.read_bytes(), model.to_json(), seed_result().history)


@pytest.fixture
def evaluated(workspace, network):
    """Leave in the workspace a variant with those errors, its runs with their files."""

    def save(variant, errors, with_models=True):
        result = variant_result(variant, errors)
        save_result(result)
        for seed in result.seeds if with_models else ():
            write_files(folder_of(variant, seed.identity.seed), files_of(seed.identity, network))

    return save


def who_is(client, alias):
    version = client.get_model_version_by_alias("lenet5-digits", alias)
    return client.get_run(version.run_id).info.run_name, str(version.version)


def test_mnists_models_and_those_of_the_digits_have_names_of_their_own():
    assert registry.model_uri("mnist") == "models:/lenet5@champion"
    assert registry.model_uri("digits") == "models:/lenet5-digits@champion"


def test_publishing_appoints_the_champion_and_the_baseline_once_and_a_better_run_takes_over(
    sqlite_client, evaluated, capsys
):
    evaluated("tanh_sgd", errors=[3.0, 2.0])
    for _ in range(2):
        publish.main()
        assert who_is(sqlite_client(), "champion") == who_is(sqlite_client(), "baseline") == ("tanh_sgd seed 1", "1")
    assert capsys.readouterr().err.count("tanh_sgd seed 1 is the champion: version 1 of lenet5-digits\n") == 1
    evaluated("relu_adam", errors=[4.0, 1.0])
    publish.main()
    assert who_is(sqlite_client(), "champion") == ("relu_adam seed 1", "2")
    assert who_is(sqlite_client(), "baseline") == ("tanh_sgd seed 1", "1")
    assert len(sqlite_client().search_model_versions("name = 'lenet5-digits'")) == 2


def test_a_run_whose_model_is_not_here_is_passed_over_and_without_any_nothing_is_registered(sqlite_client, evaluated):
    evaluated("relu_adam", errors=[1.0], with_models=False)
    publish.main()
    assert sqlite_client().search_registered_models() == []
    evaluated("tanh_sgd", errors=[3.0])
    publish.main()
    assert who_is(sqlite_client(), "champion") == ("tanh_sgd seed 0", "1")


def test_a_new_champion_is_exported_from_the_stores_own_artifact_and_loads_without_this_project(
    sqlite_client, evaluated
):
    for variant, errors in {"tanh_sgd": [3.0], "relu_adam": [1.0], "relu_sgd": [2.0]}.items():
        evaluated(variant, errors)
    publish.main()
    shutil.rmtree("models")
    (DETAILS / "relu_adam.json").unlink()
    publish.main()
    assert who_is(sqlite_client(), "champion") == ("relu_sgd seed 0", "3")
    code = "import mlflow, numpy as np; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
    code += "model = mlflow.pyfunc.load_model('models:/lenet5-digits@champion');"
    code += "print(model.predict(np.zeros((2, 28, 28), np.uint8)).shape, 'lenet' in __import__('sys').modules)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "(2, 10) False\n", done.stderr
    folder = next(path.parent for path in project_root().glob("mlartifacts/*/models/*/artifacts/input_example.json"))
    example = json.loads((folder / "serving_input_example.json").read_text())["inputs"]
    assert np.shape(example) == (1, 28, 28)


def test_a_champion_whose_artifacts_were_deleted_is_exported_again(sqlite_client, evaluated):
    evaluated("tanh_sgd", errors=[3.0])
    publish.main()
    shutil.rmtree(project_root() / "mlartifacts")
    publish.main()
    assert who_is(sqlite_client(), "champion") == ("tanh_sgd seed 0", "2")
    version = sqlite_client().get_model_version_by_alias("lenet5-digits", "champion")
    assert sqlite_client().list_logged_model_artifacts(version.source.removeprefix("models:/"))


def test_model_and_version_say_what_they_are_unless_a_person_says_it(sqlite_client, evaluated):
    evaluated("tanh_sgd", errors=[1.0])
    publish.main()
    client = sqlite_client()

    def descriptions():
        version = client.get_model_version_by_alias("lenet5-digits", "champion")
        return client.get_registered_model("lenet5-digits").description, version.description

    model, version = descriptions()
    assert "**champion**" in model
    assert version.startswith("`tanh_sgd`, seed 0: LeNet-5 as it is commonly simplified")
    tags = client.get_model_version_by_alias("lenet5-digits", "champion").tags
    assert tags.items() >= {"variant": "tanh_sgd", "seed": "0", "validation_error_percent": "1.0"}.items()
    client.update_registered_model("lenet5-digits", "my model")
    client.update_model_version("lenet5-digits", "1", "my version")
    publish.main()
    assert descriptions() == ("my model", "my version")
    assert (registry.Registry("digits").has("champion"), registry.Registry("digits").has("other")) == (True, False)
