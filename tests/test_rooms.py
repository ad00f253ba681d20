"""The rooms (folders and modules) of src/lenet/: modules import only from their own room and from lower rooms.

Therefore a file's path tells which results an edit of the file can change.
"""

import re

import pytest
from support.imports import EXEMPT, PACKAGE, all_modules, file_of, imports_of, reached_from
from support.paths import ROOT

# From top to bottom. Rooms and modules in one line are on the same level.
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


def room_of(module):
    return module.partition(".")[0]


def test_every_room_has_a_level_and_every_level_a_room():
    assert {room_of(module) for module in all_modules()} == set(LEVEL)


@pytest.mark.parametrize("module", all_modules())
def test_a_module_imports_only_from_its_own_room_and_lower_ones(module):
    wrong = [name for name in imports_of(module) if room_of(name) != room_of(module) and not is_below(name, module)]
    assert wrong == []


def is_below(name, module):
    return LEVEL[room_of(name)] > LEVEL[room_of(module)]


def test_imports_inside_functions_are_found_and_exempt_rooms_are_not_followed():
    # runs.trainer imports training.one_run inside a function, and one_run imports network.model.
    # evaluate imports the exempt room tracking.
    assert {"training.one_run", "network.model"} <= reached_from(["runs.trainer"])
    assert not {"tracking", "report"} & {room_of(module) for module in reached_from(["evaluate"])}
    assert all((PACKAGE / name).is_dir() or file_of(name).is_file() for name in EXEMPT)


@pytest.mark.parametrize("name", ["mlflow", "dvc"])
def test_only_tracking_and_serving_import_mlflow_and_no_room_imports_dvc(name):
    importers = {
        room_of(module)
        for module in all_modules()
        if re.search(rf"^ *(import|from) {name}\b", source_of(module), re.MULTILINE)
    }
    assert importers <= {"mlflow": {"tracking", "serving"}, "dvc": set()}[name]


def source_of(module):
    return file_of(module).read_text(encoding="utf-8")


def test_every_module_has_a_test_file_in_the_folder_of_its_room():
    missing = [module for module in all_modules() if not expected_test_file(module).is_file()]
    assert missing == []


def expected_test_file(module):
    *folders, name = module.split(".")
    if folders[-1:] == ["optimizers"]:  # one file tests all optimizers
        *folders, name = folders
    return ROOT.joinpath("tests", *folders, f"test_{name}.py")
