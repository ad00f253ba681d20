"""What the report makes of committed results needs no data; its pages and figures are looked at elsewhere."""

import pytest
from support.builders import digits_of_the_test, predictions, study

from lenet.errors import LabError
from lenet.report import from_data, from_results

ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_tables_figures_and_page_are_written(tmp_path, digits):
    made = study(ERRORS)
    from_data.save(made, {name: predictions() for name in ERRORS}, digits_of_the_test(), digits)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    from_results.save(made)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {str(path.relative_to(tmp_path / "reports")) for path in written} == {
        "comparison.csv",
        "differences.csv",
        "mistakes.csv",
        "index.html",
        "model_card.md",
        "figures/test_error.png",
        "figures/learning_curves.png",
        "figures/confusion.png",
    }


def test_without_what_needs_the_data_the_page_is_refused_and_not_written(tmp_path):
    with pytest.raises(LabError, match=r"^reports/.* cannot be read: run `dvc repro --force plot`$"):
        from_results.save(study(ERRORS))
    assert not (tmp_path / "reports/index.html").exists()
