import pytest

from lenet.imports import all_modules, file_of, imports_of, reached_from


def test_imports_of_rooms_modules_and_names_inside_functions_too_are_found():
    # `from lenet.runs import code`, `from lenet.settings import Settings, …`, and one_run inside a function.
    assert {"runs.code", "settings"} <= set(imports_of("train"))
    assert "training.one_run" in imports_of("runs.trainer")


def test_all_that_a_module_needs_is_reached_and_what_is_not_followed_is_left_out():
    assert "network.lenet_1998" in reached_from(["train"])
    without = reached_from(["train"], follow=lambda module: not module.startswith("training."))
    assert "train" in without
    assert not [module for module in without if module.startswith("training.")]


@pytest.mark.parametrize("module", all_modules())
def test_a_module_is_found_at_its_place_and_does_not_import_itself_over_others(module):
    assert file_of(module).is_file()
    assert module not in reached_from(imports_of(module))
