"""dvc.yaml against the code: what a stage depends on is what it imports."""

import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from lenet import source
from lenet.config import Settings

STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def described(stage):
    return STAGES[stage].get("do", STAGES[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_that_can_change_its_result_and_no_other(stage):
    named = {dep for dep in described(stage)["deps"] if dep.endswith(".py")}
    assert named == set(source.digests(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_the_module_of_its_name_from_the_workspaces_own_source(stage):
    assert described(stage)["cmd"].startswith(f"PYTHONPATH=src python -m lenet.{stage}")


def test_templates_are_dependencies_of_the_stage_that_fills_them():
    assert "src/lenet/templates" in STAGES["plot"]["deps"]


def test_only_evaluate_and_plot_see_the_test_set():
    seers = [stage for stage in STAGES if "data/processed/test.npz" in described(stage)["deps"]]
    assert seers == ["evaluate", "plot"]


def test_results_that_git_keeps_stay_out_of_dvcs_cache():
    for stage in ("evaluate", "plot"):
        for out in (*described(stage)["outs"], *described(stage).get("metrics", [])):
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            assert path.startswith("reports/") == (options.get("cache") is False)


def test_settings_that_change_no_result_are_no_ones_parameters():
    parameters = {name.split(".")[0] for stage in STAGES for name in described(stage)["params"]}
    assert parameters == set(Settings.model_fields) - {"base", "compute"}
