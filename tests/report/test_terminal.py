"""The comparison in the terminal."""

from pathlib import Path

from support.builders import study
from support.paths import ROOT

from lenet.report.terminal import announce
from lenet.report.wording import test_error as worded_error
from lenet.settings import load_settings


def test_every_variant_is_shown_whole_within_80_columns_then_where_there_is_more(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    variants = load_settings(ROOT / "params.yaml").variants
    made = study({variant: [1.0, 2.0] for variant in variants})
    announce(made, Path("reports/index.html"))
    printed = capsys.readouterr().out
    *table, report, mlflow = printed.splitlines()
    assert max(map(len, table)) <= 80
    assert [variant for variant in variants if variant not in printed.split()] == []
    for text in ("61,706", "1.50 ± 0.71", worded_error(made, "tanh_sgd")):
        assert printed.count(text) == len(variants)
    assert report == f"Report: {Path('reports/index.html').resolve()}"
    assert mlflow == "Compare in MLflow: make ui"
