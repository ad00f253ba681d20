"""The comparison in the terminal."""

from pathlib import Path

import pytest
from support.builders import study
from support.paths import ROOT

from lenet.report.tables import comparison_rows
from lenet.report.terminal import announce, print_table
from lenet.report.wording import mean_with_interval
from lenet.settings import load_settings

PAGE = Path("reports/index.html")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_is_announced_is_the_table_the_report_and_where_to_compare(rows, capsys):
    announce(rows, PAGE)
    *table, where, more = capsys.readouterr().out.splitlines()
    assert "tanh_sgd" in "".join(table)
    assert where == f"Report: {PAGE.resolve()}"
    assert more == "Compare in MLflow: make ui"


def test_the_terminal_table_shows_every_variant_within_80_columns(rows, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(rows)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    for whole in ("tanh_sgd", "61,706", "2.00 ± 1.00", mean_with_interval(rows[0]), "relu_adam", "0.00"):
        assert whole in printed


def test_the_terminal_table_cuts_no_name_off_within_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    variants = load_settings(ROOT / "params.yaml").variants
    rows = comparison_rows(study({variant: [1.0, 2.0] for variant in variants}))
    print_table(rows)
    printed = capsys.readouterr().out
    assert [variant for variant in variants if variant not in printed.split()] == []
    assert printed.count(mean_with_interval(rows[0])) == len(variants)
