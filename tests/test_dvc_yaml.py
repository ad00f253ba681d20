"""dvc.yaml against the code: what a stage depends on is what it imports."""

from itertools import product

import pytest
from ruamel.yaml import YAML
from support.imports import EXEMPT, PACKAGE, file_of, reached_from
from support.paths import ROOT

from lenet.settings import ENGINES, Settings

STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def described(stage):
    return STAGES[stage].get("do", STAGES[stage])


def code_of(stage):
    return [dep for dep in described(stage)["deps"] if dep.startswith("src/")]


def holds(dependency, file):
    """Whether a dependency, a room or a module, contains that file."""
    return file == dependency or file.startswith(f"{dependency}/")


def files_of(stage):
    """Return the files of code that can change what a stage computes."""
    if stage != "train":
        modules = reached_from([stage])
    else:  # the schedule, which changes no result, has workers call the trainer; optimizers are imported by their names
        modules = reached_from([stage, "runs.trainer"])
        modules |= {f"training.batches.optimizers.{name}" for name in ENGINES if ENGINES[name] == "batches"}
    return [f"src/lenet/{file_of(module).relative_to(PACKAGE)}" for module in modules]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_that_can_change_its_result(stage):
    missed = [file for file in files_of(stage) if not any(holds(dep, file) for dep in code_of(stage))]
    assert missed == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_room_or_module_that_it_does_not_use(stage):
    unused = [dep for dep in code_of(stage) if not any(holds(dep, file) for file in files_of(stage))]
    assert unused == []
    assert all((ROOT / dep).exists() for dep in code_of(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_what_cannot_change_a_result_is_no_dependency(stage):
    exempt = [f"src/lenet/{name}" for name in EXEMPT]
    assert [dep for dep, name in product(code_of(stage), exempt) if holds(name, dep.removesuffix(".py"))] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_the_module_of_its_name_from_the_workspaces_own_source_and_no_name_gets_into_the_command(stage):
    assert described(stage)["cmd"] == f"PYTHONPATH=src python -m lenet.{stage}"


def test_templates_are_dependencies_of_the_stage_that_fills_them():
    assert any(holds(dep, "src/lenet/report/templates/index.html") for dep in code_of("plot"))


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
    assert parameters == set(Settings.model_fields) - {"compute"}
