"""A variant's results are the same after they are saved and loaded."""

from pathlib import Path

import pytest
from support.builders import variant_result, without_validation

from lenet.errors import LabError
from lenet.evaluation.results import load_result, save_result

DETAILS = Path("reports/details/tanh_sgd.json")

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.mark.parametrize(
    "result", [variant_result("tanh_sgd", errors=[1 / 3, 12.0]), without_validation(variant_result("tanh_sgd"))]
)
def test_a_loaded_result_equals_the_saved_one_and_equal_results_are_saved_as_equal_bytes(result):
    save_result(result)
    saved = DETAILS.read_bytes()
    assert load_result("tanh_sgd") == result
    save_result(load_result("tanh_sgd"))
    assert DETAILS.read_bytes() == saved


@pytest.mark.parametrize("content", [None, "", '{"variant": "tanh', "{}"])
def test_a_missing_or_damaged_result_raises_an_error_of_one_line_that_names_the_command_to_run(content):
    if content is not None:
        DETAILS.parent.mkdir(parents=True)
        DETAILS.write_text(content)
    with pytest.raises(
        LabError, match=rf"^{DETAILS} is (missing|damaged \(.*\)): " r'run `make repro VARIANTS="tanh_sgd"`$'
    ) as raised:
        load_result("tanh_sgd")
    assert len(str(raised.value).splitlines()) == 1
