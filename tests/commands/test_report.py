"""`make report` needs nothing but what git keeps."""

import shutil
import warnings
from dataclasses import replace

import pytest
from support.builders import digits_of_the_test, predictions, save_evaluated, study
from support.params import COMPARED, edit_params
from support.paths import ROOT

from lenet.commands import report
from lenet.evaluation.study import load_study
from lenet.report import from_data, from_results
from lenet.runs import code
from lenet.settings import load_settings


@pytest.fixture
def committed(workspace, digits):
    """A workspace with committed results of two variants and what plot made of them, without data or predictions."""
    with edit_params() as params:
        for variant in set(params["variants"]) - {"tanh_sgd", "relu_adam"}:
            del params["variants"][variant], params["about"][variant]
        params["comparison"] = dict(COMPARED)
    settings = load_settings()
    for variant in settings.variants:
        save_evaluated(variant, [1.0, 2.0])
    shutil.copy(ROOT / "README.md", workspace)
    made = load_study(settings, list(settings.variants))
    copies = from_data.distorted_copies(settings.variants, digits)
    from_data.save(made, {name: predictions() for name in made.results}, digits_of_the_test(), copies)
    from_results.save_figures(made)
    from_results.save(made)
    shutil.rmtree(workspace / "predictions")
    report.main()
    return workspace


def files(folder):
    return {
        path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and ".runs" not in path.parts
    }


@pytest.mark.slow
def test_it_makes_the_same_again_byte_for_byte_and_says_which_results_are_of_other_code(committed, capsys):
    before = files(committed)
    for name in ("reports/index.html", "reports/comparison.csv", "reports/figures/test_error.png"):
        (committed / name).unlink()
    report.main()
    assert files(committed) == before
    note = "note: the code that trains has changed since these results were made: tanh_sgd, relu_adam:"
    assert note in capsys.readouterr().err


def test_variants_that_other_code_trained_are_named():
    made = study({"tanh_sgd": [1.0], "relu_adam": [2.0]})
    (seed,) = made.results["tanh_sgd"].seeds
    today = replace(seed, identity=replace(seed.identity, code=code.digest_of_run("sgd")))
    results = dict(made.results) | {"tanh_sgd": replace(made.results["tanh_sgd"], seeds=[today])}
    assert report.of_other_code(replace(made, results=results)) == ["relu_adam"]


def test_the_committed_results_belong_to_the_committed_code(monkeypatch):
    """Work in progress may lag, so this is no failure."""
    monkeypatch.chdir(ROOT)
    settings = load_settings()
    if lagging := report.of_other_code(load_study(settings, list(settings.variants))):
        warnings.warn(LaggingResults(f"committed results are of other code: {', '.join(lagging)}"), stacklevel=1)


class LaggingResults(UserWarning):
    """Results that the code as it is did not compute."""
