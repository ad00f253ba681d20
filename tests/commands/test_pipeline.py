import shutil
from dataclasses import replace

import pytest
from support.builders import identity, save_evaluated
from support.paths import ROOT

from lenet.commands import pipeline
from lenet.execution.schedule import PlannedRun
from lenet.settings import load_settings


@pytest.fixture
def results(workspace):
    """Results of every variant of params.yaml, and a README to put them into."""
    shutil.copy(ROOT / "README.md", workspace)
    settings = load_settings()
    for variant in settings.variants:
        save_evaluated(variant, [1.0, 2.0])
    return settings


def test_the_table_goes_to_the_terminal_and_into_the_readme(results, workspace, capsys):
    pipeline.show_study(results)
    printed = capsys.readouterr().out
    readme = (workspace / "README.md").read_text()
    for variant in results.variants:
        assert variant in printed
        assert f"| `{variant}` |" in readme
    assert str(workspace / "reports/index.html") in printed


def test_narrowed_to_some_variants_it_prints_those_and_leaves_the_readme(results, workspace, capsys):
    before = (workspace / "README.md").read_text()
    pipeline.show_some(results, ["relu_adam"])
    printed = capsys.readouterr().out
    assert "relu_adam" in printed
    assert "tanh_sgd" not in printed
    assert (workspace / "README.md").read_text() == before


def wanted(variant, seed, epochs):
    recipe = load_settings(ROOT / "params.yaml").base.model_copy(update={"epochs": epochs})
    return PlannedRun(identity(seed, epochs=epochs), recipe, (variant,))


def test_a_variant_has_results_where_they_are_of_exactly_its_runs(results):
    of_tanh_sgd = [replace(wanted("tanh_sgd", seed, 20), identity=identity(seed)) for seed in (0, 1)]
    assert pipeline.has_results("tanh_sgd", of_tanh_sgd)
    assert not pipeline.has_results("tanh_sgd", of_tanh_sgd[:1])
    assert not pipeline.has_results("relu_adam", of_tanh_sgd)
    assert not pipeline.has_results("gone", of_tanh_sgd)


def test_the_headline_is_the_primary_comparison_where_it_is_a_part_of_what_is_trained(workspace):
    settings = load_settings()
    assert pipeline.headline_of(settings, list(settings.variants)) == ["tanh_sgd", "relu_adam"]
    for variants in (["tanh_sgd", "modern"], ["tanh_sgd", "relu_adam"]):
        assert pipeline.headline_of(settings, variants) == []


def test_the_headline_is_trained_first_then_the_longest_runs_so_that_the_end_does_not_wait_for_one():
    runs = [wanted("short", 0, 10), wanted("long", 0, 45), wanted("long", 1, 45), wanted("first", 0, 20)]
    ordered = pipeline.training_order(runs, ["first"])
    assert [run.name for run in ordered] == ["first seed 0", "long seed 0", "long seed 1", "short seed 0"]
