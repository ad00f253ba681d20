import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.builders import variant_result
from support.documents import documented_code
from support.paths import ROOT

from lenet.evaluation.results import save_result
from lenet.runs.files import folder_of, run_files, write_files
from lenet.tracking import publish
from lenet.workspace import DETAILS, project_root

pytestmark = pytest.mark.slow  # with a real database and real networks


@pytest.fixture
def save_variant(workspace, network):
    """A function that saves the results and the models of a variant with the given test errors."""

    def save(variant, errors, with_models=True):
        result = variant_result(variant, errors)
        save_result(result)
        for seed in result.seeds if with_models else ():
            write_files(folder_of(variant, seed.identity.seed), run_files(seed.identity, network))

    return save


def run_and_version(client, alias):
    """Find the model to which an alias points; return the name of its MLflow run and the model's version."""
    version = client.get_model_version_by_alias("lenet5-digits", alias)
    return client.get_run(version.run_id).info.run_name, str(version.version)


def test_champion_and_baseline_are_the_best_runs_with_models_until_a_better_run_replaces_them(
    client, save_variant, capsys
):
    save_variant("modern", errors=[0.5], with_models=False)
    publish.main()
    assert client().search_registered_models() == []
    save_variant("tanh_sgd", errors=[3.0, 2.0])
    for _ in range(2):
        publish.main()
        assert (
            run_and_version(client(), "champion") == run_and_version(client(), "baseline") == ("tanh_sgd seed 1", "1")
        )
    assert capsys.readouterr().err.count("tanh_sgd seed 1 is the champion: version 1 of lenet5-digits\n") == 1
    save_variant("relu_adam", errors=[4.0, 1.0])
    publish.main()
    assert run_and_version(client(), "champion") == ("relu_adam seed 1", "2")
    assert run_and_version(client(), "baseline") == ("tanh_sgd seed 1", "1")
    assert len(client().search_model_versions("name = 'lenet5-digits'")) == 2


def test_a_new_champion_is_exported_from_its_artifact_and_the_documented_code_loads_it_without_this_project(
    client, save_variant
):
    for variant, errors in {"tanh_sgd": [3.0], "relu_adam": [1.0], "relu_sgd": [2.0]}.items():
        save_variant(variant, errors)
    publish.main()
    shutil.rmtree("models")
    (DETAILS / "relu_adam.json").unlink()
    publish.main()
    assert run_and_version(client(), "champion") == ("relu_sgd seed 0", "3")
    code = documented_code("serving.md", "python", "champion") + "print('lenet' in __import__('sys').modules)"
    shutil.copy(ROOT / "digit.json", ".")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert re.fullmatch(r"\[\d\]\nFalse\n", done.stdout), done.stderr
    folder = next(path.parent for path in project_root().glob("mlartifacts/*/models/*/artifacts/input_example.json"))
    example = json.loads((folder / "serving_input_example.json").read_text())["inputs"]
    assert np.shape(example) == (1, 28, 28)


def test_deleted_artifacts_are_published_again_and_the_champion_is_exported_again(client, save_variant):
    save_variant("tanh_sgd", errors=[3.0])
    publish.main()
    shutil.rmtree(project_root() / "mlartifacts")
    publish.main()
    assert len(list(project_root().glob("mlartifacts/lenet5-digits/*/artifacts/confusion.html"))) == 1
    assert run_and_version(client(), "champion") == ("tanh_sgd seed 0", "2")
    version = client().get_model_version_by_alias("lenet5-digits", "champion")
    assert client().list_logged_model_artifacts(version.source.removeprefix("models:/"))


def test_model_and_version_get_descriptions_unless_a_person_has_written_them(client, save_variant):
    save_variant("tanh_sgd", errors=[1.0])
    publish.main()
    client = client()

    def descriptions():
        version = client.get_model_version_by_alias("lenet5-digits", "champion")
        return client.get_registered_model("lenet5-digits").description, version.description

    model_description, version_description = descriptions()
    assert "**champion**" in model_description
    assert version_description.startswith("`tanh_sgd`, seed 0: LeNet-5 as commonly simplified")
    tags = client.get_model_version_by_alias("lenet5-digits", "champion").tags
    assert tags.items() >= {"variant": "tanh_sgd", "seed": "0", "validation_error_percent": "1.0"}.items()
    client.update_registered_model("lenet5-digits", "my model")
    client.update_model_version("lenet5-digits", "1", "my version")
    publish.main()
    assert descriptions() == ("my model", "my version")
