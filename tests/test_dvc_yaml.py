"""Compare dvc.yaml with the code: each stage must depend on the code that the stage imports, and on no other code."""

import pytest
from support.imports import PACKAGE, file_of, reached_from
from support.paths import ROOT
from support.stages import STAGES, contains, definition_of

from lenet.settings import ENGINES, Settings


def code_deps(stage):
    return [dep for dep in definition_of(stage)["deps"] if dep.startswith("src/")]


def relevant_files(stage):
    """Return the source files that can change a stage's results."""
    if stage != "train":
        modules = reached_from([stage])
    else:
        # reached_from finds neither the trainer, behind the exempt room execution, nor modules imported by name
        modules = reached_from([stage, "runs.trainer"])
        modules |= {f"training.batches.optimizers.{name}" for name in ENGINES if ENGINES[name] == "batches"}
    return [f"src/lenet/{file_of(module).relative_to(PACKAGE)}" for module in modules]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_that_can_change_its_result(stage):
    undeclared = [file for file in relevant_files(stage) if not any(contains(dep, file) for dep in code_deps(stage))]
    assert undeclared == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_room_or_module_that_it_does_not_use(stage):
    unused = [dep for dep in code_deps(stage) if not any(contains(dep, file) for file in relevant_files(stage))]
    assert unused == []
    assert all((ROOT / dep).exists() for dep in code_deps(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_its_module_from_the_workspace_and_its_command_contains_no_variant_name(stage):
    assert definition_of(stage)["cmd"] == f"PYTHONPATH=src python -m lenet.{stage}"


def test_plot_depends_on_the_report_templates():
    assert any(contains(dep, "src/lenet/report/templates/index.html") for dep in code_deps("plot"))


def test_only_evaluate_and_plot_read_the_test_set():
    readers = [stage for stage in STAGES if "data/processed/test.npz" in definition_of(stage)["deps"]]
    assert readers == ["evaluate", "plot"]


def test_dvc_caches_every_output_but_the_reports_that_git_tracks():
    for stage in ("evaluate", "plot"):
        for out in (*definition_of(stage)["outs"], *definition_of(stage).get("metrics", [])):
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            assert path.startswith("reports/") == (options.get("cache") is False)


def test_all_sections_of_params_yaml_but_compute_are_parameters_of_a_stage():
    parameters = {name.split(".")[0] for stage in STAGES for name in definition_of(stage)["params"]}
    assert parameters == set(Settings.model_fields) - {"compute"}
