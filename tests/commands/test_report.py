"""`make report` needs nothing but what git keeps."""

import shutil
import warnings

import pytest
from support.builders import digits_of_the_test, predictions, save_evaluated
from support.params import COMPARED, edit_params
from support.paths import ROOT

from lenet.commands import lag, report
from lenet.evaluation.study import load_study
from lenet.report import from_data, from_results
from lenet.settings import load_settings


@pytest.fixture
def committed(workspace, monkeypatch, digits):
    """A workspace with committed results of two variants and what plot made of them, without data or predictions."""
    monkeypatch.setattr(report, "lagging_stages", dict)
    with edit_params() as params:
        for variant in set(params["variants"]) - {"tanh_sgd", "relu_adam"}:
            del params["variants"][variant], params["about"][variant]
        params["comparison"] = dict(COMPARED)
    settings = load_settings()
    for variant in settings.variants:
        save_evaluated(variant, [1.0, 2.0])
    shutil.copy(ROOT / "README.md", workspace)
    made = load_study(settings, list(settings.variants))
    from_data.save(made, {name: predictions() for name in made.results}, digits_of_the_test(), digits)
    from_results.save(made)
    shutil.rmtree(workspace / "predictions")
    report.main()
    return workspace


def files(folder):
    return {
        path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and ".runs" not in path.parts
    }


@pytest.mark.slow
def test_it_makes_the_same_again_byte_for_byte(committed):
    before = files(committed)
    for name in ("reports/index.html", "reports/comparison.csv", "reports/figures/test_error.png"):
        (committed / name).unlink()
    report.main()
    assert files(committed) == before


@pytest.mark.slow
def test_it_says_where_results_are_of_other_code(committed, monkeypatch, capsys):
    lagging = {"train@a": ["src/lenet/network"], "train@b": ["src/lenet/network", "src/lenet/train.py"]}
    monkeypatch.setattr(report, "lagging_stages", lambda: lagging)
    report.main()
    assert (
        "note: the code of 2 stages has changed since their results were made (src/lenet/network, src/lenet/train.py): "
        in (capsys.readouterr().err)
    )


@pytest.mark.slow
def test_the_committed_results_belong_to_the_committed_code(monkeypatch):
    """Work in progress may lag, so this is no failure."""
    monkeypatch.chdir(ROOT)
    if lagging := lag.lagging_stages():
        warnings.warn(LaggingResults(f"committed results are of other code: {', '.join(lagging)}"), stacklevel=1)


class LaggingResults(UserWarning):
    """Results that the code as it is did not compute."""
