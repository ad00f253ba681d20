"""The rooms of src/lenet/: an import points down the list, so that the path says what an edit can change."""

import re

import pytest
from support.imports import EXEMPT, PACKAGE, all_modules, file_of, imports_of, reached_from
from support.paths import ROOT

# From top to bottom; what stands in one line is one level.
LEVELS = [
    ["download", "preprocess", "train", "evaluate", "plot"],
    ["commands"],
    ["serving"],
    ["tracking"],
    ["report"],
    ["evaluation"],
    ["execution"],
    ["runs"],
    ["training"],
    ["network"],
    ["settings"],
    ["mnist"],
    ["workspace", "yaml_files", "program"],
    ["errors", "redaction"],
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def room(module):
    return module.partition(".")[0]


def test_every_room_has_a_level_and_every_level_a_room():
    assert {room(module) for module in all_modules()} == set(LEVEL)


@pytest.mark.parametrize("module", all_modules())
def test_imports_point_down_or_stay_in_the_room(module):
    upwards = [name for name in imports_of(module) if room(name) != room(module) and not below(name, module)]
    assert upwards == []


def below(name, module):
    return LEVEL[room(name)] > LEVEL[room(module)]


def test_imports_inside_functions_are_found_and_what_is_exempt_is_not_followed():
    # The trainer imports one_run in a function, and that the model; evaluate imports tracking, which is exempt.
    assert {"training.one_run", "network.model"} <= reached_from(["runs.trainer"])
    assert not {"tracking", "report"} & {room(module) for module in reached_from(["evaluate"])}
    assert all((PACKAGE / name).is_dir() or file_of(name).is_file() for name in EXEMPT)


@pytest.mark.parametrize("name", ["mlflow", "dvc"])
def test_mlflow_is_imported_by_its_rooms_alone_and_dvc_by_none(name):
    importers = {
        room(module)
        for module in all_modules()
        if re.search(rf"^ *(import|from) {name}\b", source(module), re.MULTILINE)
    }
    assert importers <= {"mlflow": {"tracking", "serving"}, "dvc": set()}[name]


def source(module):
    return file_of(module).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", sorted(path.parent for path in (ROOT / "src/lenet").glob("*/__init__.py")))
def test_a_room_says_in_its_first_line_what_it_is(folder):
    assert (folder / "__init__.py").read_text(encoding="utf-8").startswith('"""')


def test_tests_mirror_the_rooms():
    """Every module has its test in the folder of the same name, but for what a stage or a room tests whole."""
    missing = [module for module in all_modules() if not its_test(module).is_file()]
    assert missing == []


def its_test(module):
    *rooms, name = module.split(".")
    if rooms[-1:] == ["optimizers"]:  # all of them have the same tests
        *rooms, name = rooms
    return ROOT.joinpath("tests", *rooms, f"test_{name}.py")
