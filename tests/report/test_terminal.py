"""The comparison is printed to the terminal."""

from pathlib import Path

from support.builders import study
from support.paths import ROOT

from lenet.report.terminal import print_summary
from lenet.report.wording import test_error as worded_error
from lenet.settings import load_settings


def test_the_table_fits_80_columns_without_cutting_names_and_the_paths_to_more_follow(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    variants = load_settings(ROOT / "params.yaml").variants
    all_variants = study({variant: [1.0, 2.0] for variant in variants})
    print_summary(all_variants, Path("reports/index.html"))
    printed = capsys.readouterr().out
    *table, report, mlflow = printed.splitlines()
    assert max(map(len, table)) <= 80
    assert [variant for variant in variants if variant not in printed.split()] == []
    for text in ("61,706", "1.50 ± 0.71", worded_error(all_variants, "tanh_sgd")):
        assert printed.count(text) == len(variants)
    assert report == f"Report: {Path('reports/index.html').resolve()}"
    assert mlflow == "Compare in MLflow: make ui"
