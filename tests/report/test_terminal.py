"""The comparison is printed to the terminal."""

from pathlib import Path

from support.builders import study
from support.paths import ROOT

from lenet.report.terminal import Progress, print_finished, print_summary, print_table
from lenet.settings import load_settings


def test_the_table_fits_80_columns_without_cutting_names_and_the_paths_to_more_follow(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    variants = load_settings(ROOT / "params.yaml").variants
    all_variants = study({variant: [1.0, 2.0] for variant in variants})
    print_summary(all_variants, dict.fromkeys(variants, 1.25))
    printed = capsys.readouterr().out
    *table, report, mlflow = printed.splitlines()
    assert max(map(len, table)) <= 80
    assert [variant for variant in variants if variant not in printed.split()] == []
    for text in ("1.50 ± 0.71", " 1.25 "):
        assert printed.count(text) == len(variants)
    assert sum(line.rstrip().endswith("no detectable difference") for line in table) == len(variants) - 1
    assert report == f"Report: {Path('reports/index.html').resolve()}"
    assert mlflow == "Compare in MLflow: make ui"


def test_the_committed_error_is_shown_if_there_is_one_and_the_result_in_words_follows(capsys):
    compared = study({"tanh_sgd": [10.0, 12.0], "modern": [3.0, 4.0]})
    print_table(compared, {"tanh_sgd": 11.25}, ["modern"])
    printed = capsys.readouterr().out
    assert "tanh_sgd 11.00 ± 1.41 11.25 11.00 –" in " ".join(printed.split())
    assert printed.splitlines()[-1].startswith("Of 100 test images, `modern` misreads 8 fewer than `tanh_sgd`")
    print_table(compared, {}, ["modern"])
    assert "before" not in capsys.readouterr().out.lower()


def test_a_long_name_is_folded_and_no_number_is_cut(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(study({"tanh_sgd": [10.0, 12.0], 64 * "n": [3.0, 4.0]}), {"tanh_sgd": 11.25})
    printed = capsys.readouterr().out
    assert printed.count("n" * 10) >= 64 // 30
    assert "…" not in printed
    assert "3.50 ± 0.71" in printed
    assert "−7.50 (" in printed


def test_finished_runs_are_counted_by_variant(capsys):
    print_finished([Progress("tanh_sgd", 6, 6, 1.2, 1.25), Progress("modern", 0, 6, None, None)])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if " of " in line]
    assert rows == [["tanh_sgd", "6", "of", "6", "1.20", "1.25"], ["modern", "0", "of", "6"]]
