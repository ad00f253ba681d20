import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.builders import labels, predictions, variant_result
from support.paths import ROOT

from lenet.commands import repro
from lenet.evaluation.predictions import save_predictions
from lenet.evaluation.results import save_result
from lenet.evaluation.study import load_study
from lenet.mnist import datasets
from lenet.mnist.splits import Split, save_split, split_path
from lenet.report import tables
from lenet.settings import load_settings


@pytest.fixture
def results(workspace):
    """Results of every variant of params.yaml, and a README to put them into."""
    shutil.copy(ROOT / "README.md", workspace)
    settings = load_settings()
    digits = np.zeros((100, 28, 28), np.uint8)
    save_split(split_path("test"), Split(digits, labels(100)))
    for variant in settings.variants:
        save_result(variant_result(variant, errors=[1.0, 2.0]))
        save_predictions(variant, predictions(2, 100, [1, 2]), labels(100))
    tables.save_tables(load_study(settings, list(settings.variants)))
    return settings


def test_an_unknown_variant_is_refused_with_the_nearest_known_one_before_anything_runs(workspace):
    done = subprocess.run([sys.executable, "-m", "lenet.commands.repro", "relu_adm"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: params.yaml: unknown variant relu_adm: did you mean relu_adam?\n"


def test_the_table_goes_to_the_terminal_and_into_the_readme(results, workspace, capsys):
    repro.show(results, [])
    printed = capsys.readouterr().out
    readme = (workspace / "README.md").read_text()
    for variant in results.variants:
        assert variant in printed
        assert f"| `{variant}` |" in readme
    assert str(workspace / "reports/index.html") in printed


def test_narrowed_to_some_variants_it_prints_those_and_leaves_the_readme(results, workspace, capsys):
    before = (workspace / "README.md").read_text()
    repro.show(results, ["relu_adam"])
    printed = capsys.readouterr().out
    assert "relu_adam" in printed
    assert "tanh_sgd" not in printed
    assert (workspace / "README.md").read_text() == before


def test_the_headline_is_evaluated_before_the_rest_of_the_study_is_trained():
    settings = load_settings(ROOT / "params.yaml")
    assert repro.rounds(settings, []) == [["evaluate@tanh_sgd", "evaluate@relu_adam"], []]


def test_narrowed_to_some_variants_nothing_else_is_run():
    settings = load_settings(ROOT / "params.yaml")
    assert repro.rounds(settings, ["modern"]) == [["evaluate@modern"]]


def test_a_shouted_message_stands_between_rules(capsys):
    repro.shout("Hear!")
    assert capsys.readouterr().out == "\n!!!!!\nHear!\n!!!!!\n\n"


def test_the_demo_in_place_of_a_study_says_before_and_after_which_data_set_it_is_not_on(monkeypatch, capsys):
    monkeypatch.setattr(repro.demo, "main", lambda: print("the demo"))
    repro.show_demo_instead_of(datasets.find("mnist"))
    before, after = capsys.readouterr().out.split("the demo")
    assert "MNIST could not be downloaded" in before
    assert "on scikit-learn's bundled digits" in before
    assert "on scikit-learn's bundled digits" in after
    assert "set MNIST_MIRROR, and run `make repro` again" in after
