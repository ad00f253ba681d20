"""`make report` needs only files that git tracks."""

import shutil
from dataclasses import replace

import pytest
from support.builders import noise_test_split, predictions, save_evaluated, study
from support.params import COMPARED, edit_params
from support.paths import ROOT

from lenet.commands import report
from lenet.errors import LabError
from lenet.evaluation.study import load_study
from lenet.report import from_data
from lenet.runs import code
from lenet.settings import load_settings


@pytest.fixture
def committed(workspace, digits):
    """A workspace with the results of two variants and a report on these variants, but without data or predictions."""
    with edit_params() as params:
        for variant in set(params["variants"]) - {"tanh_sgd", "relu_adam"}:
            del params["variants"][variant], params["about"][variant]
        params["comparison"] = dict(COMPARED)
    settings = load_settings()
    for variant in settings.variants:
        save_evaluated(variant, [1.0, 2.0])
    shutil.copy(ROOT / "README.md", workspace)
    study_of_two = load_study(settings, list(settings.variants))
    copies = from_data.distorted_copies(settings.variants, digits)
    from_data.save(study_of_two, {name: predictions() for name in study_of_two.results}, noise_test_split(), copies)
    shutil.rmtree(workspace / "predictions")
    report.main()
    return workspace


def file_contents(folder):
    return {
        path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and ".runs" not in path.parts
    }


@pytest.mark.slow
def test_it_rebuilds_the_same_files_byte_for_byte_and_names_outdated_variants(committed, capsys):
    before = file_contents(committed)
    for name in ("reports/index.html", "reports/comparison.csv", "reports/figures/test_error.png"):
        (committed / name).unlink()
    report.main()
    assert file_contents(committed) == before
    note = "note: results of earlier training code: tanh_sgd, relu_adam: run `make repro`"
    assert note in capsys.readouterr().err


def test_variants_trained_by_code_that_has_changed_are_outdated():
    two_variants = study({"tanh_sgd": [1.0], "relu_adam": [2.0]})
    (seed_result,) = two_variants.results["tanh_sgd"].seeds
    up_to_date = replace(seed_result, identity=replace(seed_result.identity, code=code.code_digest("sgd")))
    results = dict(two_variants.results) | {"tanh_sgd": replace(two_variants.results["tanh_sgd"], seeds=[up_to_date])}
    assert report.outdated_variants(replace(two_variants, results=results)) == ["relu_adam"]


def test_merge_conflicts_in_dvc_lock_are_refused(workspace):
    (workspace / "dvc.lock").write_text("<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    with pytest.raises(LabError, match=r"dvc\.lock has merge conflicts"):
        report.main()
