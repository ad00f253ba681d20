import shutil
from dataclasses import replace

import pytest
from support.builders import identity, save_evaluated, variant_result
from support.params import edit_params
from support.paths import ROOT

from lenet.commands import pipeline
from lenet.evaluation.results import save_result
from lenet.execution.schedule import PlannedRun
from lenet.settings import Data, load_settings


@pytest.fixture
def settings_with_results(workspace):
    """Return the settings of params.yaml, in a workspace with README and results of every variant."""
    shutil.copy(ROOT / "README.md", workspace)
    settings = load_settings()
    for variant in settings.variants:
        save_evaluated(variant, [1.0, 2.0])
    return settings


def test_the_comparison_of_some_variants_prints_only_those_and_keeps_the_readme(
    settings_with_results, workspace, capsys
):
    readme_before = (workspace / "README.md").read_text()
    pipeline.show_some(settings_with_results, ["tanh_sgd", "modern"])
    printed = capsys.readouterr().out
    assert "Between `modern` and `tanh_sgd`, there is no detectable difference.\n" in printed
    assert "relu_adam" not in printed
    assert (workspace / "README.md").read_text() == readme_before


def test_a_study_on_another_data_set_first_says_what_it_replaces(settings_with_results, capsys):
    pipeline.announce_replacement(settings_with_results, ["tanh_sgd"])  # on MNIST
    assert capsys.readouterr().out.startswith(
        "params.yaml now names MNIST. Results on scikit-learn's bundled digits in reports, dvc.lock and README.md will "
    )
    pipeline.announce_replacement(settings_with_results, ["a_new_variant"])
    with edit_params() as params:
        params["data"]["dataset"] = "digits"
    pipeline.announce_replacement(load_settings(), ["tanh_sgd"])
    assert capsys.readouterr().out == ""


def planned_run(variant, seed, epochs):
    recipe = load_settings(ROOT / "params.yaml").base.model_copy(update={"epochs": epochs})
    return PlannedRun(identity(seed, epochs=epochs), recipe, (variant,))


def test_a_variant_has_results_only_if_they_are_of_exactly_its_runs(settings_with_results):
    tanh_sgd_runs = [replace(planned_run("tanh_sgd", seed, 20), identity=identity(seed)) for seed in (0, 1)]
    assert pipeline.has_results("tanh_sgd", tanh_sgd_runs)
    assert not pipeline.has_results("tanh_sgd", tanh_sgd_runs[:1])
    assert not pipeline.has_results("relu_adam", tanh_sgd_runs)
    assert not pipeline.has_results("gone", tanh_sgd_runs)


@pytest.fixture
def baseline_evaluated(workspace, monkeypatch):
    """Save results of tanh_sgd with the settings of params.yaml, and return these settings."""
    settings = load_settings()
    settings = settings.model_copy(update={"seeds": (0, 1), "data": Data(dataset="digits")})
    recipe = settings.variant("tanh_sgd").model_dump()
    result = variant_result("tanh_sgd", [1.0, 2.0])
    seeds = [replace(seed, identity=replace(seed.identity, settings=recipe)) for seed in result.seeds]
    save_result(replace(result, seeds=seeds))
    monkeypatch.setattr(pipeline, "identify_data", lambda: seeds[0].identity.data)
    return settings


def test_variants_are_compared_with_the_stored_results_of_the_baseline(baseline_evaluated, capsys):
    assert pipeline.with_baseline(baseline_evaluated, ["modern"]) == ["tanh_sgd", "modern"]
    assert pipeline.with_baseline(baseline_evaluated, ["modern", "tanh_sgd"]) == ["modern", "tanh_sgd"]
    assert capsys.readouterr().out == ""


def test_results_of_the_baseline_with_other_settings_or_seeds_are_not_compared(baseline_evaluated, capsys):
    longer = baseline_evaluated.variant("tanh_sgd").model_copy(update={"epochs": 99})
    changed_variants = {**baseline_evaluated.variants, "tanh_sgd": longer}
    for update in ({"seeds": (0, 1, 2)}, {"variants": changed_variants}):
        assert pipeline.with_baseline(baseline_evaluated.model_copy(update=update), ["modern"]) == ["modern"]
        assert "to compare with it, name it in VARIANTS too" in capsys.readouterr().out


def test_after_an_interruption_nothing_is_shown_if_the_data_are_not_those_of_the_settings(workspace, capsys):
    pipeline.show_finished(load_settings(), ["tanh_sgd"])
    assert capsys.readouterr().out == ""


def test_the_headline_is_the_primary_comparison_if_other_variants_are_trained_too(workspace):
    settings = load_settings()
    assert pipeline.headline_of(settings, list(settings.variants)) == ["tanh_sgd", "relu_adam"]
    for variants in (["tanh_sgd", "modern"], ["tanh_sgd", "relu_adam"]):
        assert pipeline.headline_of(settings, variants) == []


def test_the_headline_is_trained_first_and_then_the_longest_runs():
    runs = [
        planned_run("short", 0, 10),
        planned_run("long", 0, 45),
        planned_run("long", 1, 45),
        planned_run("first", 0, 20),
    ]
    ordered = pipeline.training_order(runs, ["first"])
    assert [run.name for run in ordered] == ["first seed 0", "long seed 0", "long seed 1", "short seed 0"]


def test_before_the_data_are_prepared_all_runs_are_announced_with_the_short_command(workspace, capsys):
    settings = load_settings()
    variants = ["modern", *settings.comparison.primary]
    epochs = pipeline.expected_epochs(settings, variants)
    assert pipeline.announce_all_runs(settings, variants, epochs, workers=2)
    short_command, announcement = capsys.readouterr().out.splitlines()
    assert short_command.endswith(f'VARIANTS="{" ".join(settings.comparison.primary)}"')
    assert announcement.startswith(f"{3 * len(settings.seeds)} runs to train here: ")


def test_a_data_set_of_unknown_size_is_announced_later(workspace, capsys):
    settings = load_settings().model_copy(update={"data": Data(dataset="digits")})
    assert not pipeline.announce_all_runs(settings, ["modern"], [20], workers=2)
    assert capsys.readouterr().out == ""


def test_variants_with_equal_recipes_are_expected_to_train_once(workspace):
    with edit_params() as params:
        params["variants"]["twin"] = dict(params["variants"]["relu_adam"])
        params["about"]["twin"] = params["about"]["relu_adam"]
    settings = load_settings()
    assert pipeline.expected_epochs(settings, ["relu_adam", "twin"]) == [20] * len(settings.seeds)
