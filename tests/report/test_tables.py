"""The comparison says what the results say: as CSV, in the terminal, in the README and on the page."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import study, without_validation
from support.paths import ROOT

from lenet.errors import LabError
from lenet.evaluation.comparison import Estimate
from lenet.report.tables import (
    announce,
    comparison_rows,
    dataset_title,
    difference,
    difference_from_base,
    load_comparison,
    mean_with_interval,
    mean_with_sd,
    print_table,
    readme_block,
    save_tables,
    signed,
    update_readme,
)
from lenet.settings import load_settings

START, END = "<!-- results:start -->", "<!-- results:end -->"
PAGE = Path("reports/index.html")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


ERRORS = {"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}
INTERVALS = ["test_error_percent_low", "test_error_percent_high"]


@pytest.fixture
def rows():
    """Three seeds of 1, 2 and 3 %: mean 2, standard deviation 1. One seed of 0 %: no standard deviation."""
    return comparison_rows(study(ERRORS, published={"relu_adam": 0.8}, dataset="mnist"))


def test_a_row_holds_what_the_seeds_say(rows):
    expected = {
        "variant": "tanh_sgd",
        "dataset": "mnist",
        "seeds": "3",
        "parameters": "61706",
        "multiply_accumulates": "416520",
        "epochs": "2",
        "train_error_percent_mean": "1.0000",  # the builder's training errors are half the test errors
        "validation_error_percent_mean": "2.0000",
        "validation_error_percent_sd": "1.0000",
        "test_error_percent_mean": "2.0000",
        "test_error_percent_sd": "1.0000",
        "difference_percent": "",
        "published_percent": "",
        "test_loss_mean": "0.2500",
        "calibration_error_percent_mean": "1.5000",
    }
    assert {name: rows[0][name] for name in expected} == expected


def test_a_row_holds_its_interval_and_its_difference_from_the_base():
    made = study({"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]})
    _, row = comparison_rows(made)
    error, against = made.comparison.errors["relu_adam"], made.comparison.differences["relu_adam", "tanh_sgd"]
    assert [row[name] for name in INTERVALS] == [f"{error.low:.4f}", f"{error.high:.4f}"]
    assert row["difference_percent"] == "-7.5000"
    assert [row[f"difference_percent_{end}"] for end in ("low", "high")] == [
        f"{against.low:.4f}",
        f"{against.high:.4f}",
    ]


def test_one_seed_has_an_empty_standard_deviation_and_interval(rows):
    assert [rows[1][name] for name in ("test_error_percent_mean", "test_error_percent_sd", *INTERVALS)] == [
        "0.0000",
        "",
        "",
        "",
    ]


def read(name):
    with open(f"reports/{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_comparison_survives_its_file(rows):
    save_tables(study(ERRORS, published={"relu_adam": 0.8}, dataset="mnist"))
    assert load_comparison() == rows


def test_the_differences_are_each_pair_and_each_effect():
    errors = {"neither": [10.0, 11.0], "first": [12.0, 13.0], "second": [9.0, 9.0], "both": [3.0, 4.0]}
    changes = {"first": {"activation": "relu"}, "second": {"optimizer": "adam"}}
    save_tables(study(errors, factorial=errors, changes=changes))
    found = read("differences")
    assert [(row["kind"], row["of"], row["against"]) for row in found] == [
        ("difference", "first", "neither"),
        ("difference", "second", "neither"),
        ("difference", "both", "neither"),
        ("difference", "second", "first"),
        ("difference", "both", "second"),
        ("effect", "activation", ""),
        ("effect", "optimizer", ""),
        ("effect", "interaction", ""),
    ]
    assert [row["points"] for row in found[:3]] == ["2.0000", "-1.5000", "-7.0000"]
    assert {row["detectable"] for row in found} <= {"true", "false"}


def test_the_mistakes_are_counted_per_digit_and_variant():
    save_tables(study({"tanh_sgd": [1.0, 3.0], "relu_adam": [2.0, 2.0]}))
    assert read("mistakes") == [
        {"digit": "0", "label": "0", "tanh_sgd": "2", "relu_adam": "2"},
        {"digit": "1", "label": "1", "tanh_sgd": "1", "relu_adam": "2"},
        {"digit": "2", "label": "2", "tanh_sgd": "1", "relu_adam": "0"},
    ]


def test_a_missing_comparison_is_refused_with_the_command_that_makes_it():
    with pytest.raises(LabError) as caught:
        load_comparison()
    assert str(caught.value) == "reports/comparison.csv is missing: run `dvc repro plot`"


def test_a_mean_is_shown_with_its_standard_deviation(rows):
    assert mean_with_sd(rows[0], "test_error_percent") == "2.00 ± 1.00"


def test_the_mean_of_one_seed_is_shown_alone(rows):
    assert mean_with_sd(rows[1], "test_error_percent") == "0.00"
    assert mean_with_interval(rows[1]) == "0.00"


def test_the_test_error_is_shown_with_its_interval(rows):
    assert re.fullmatch(r"2\.00 \(0\.00–\d+\.\d\d\)", mean_with_interval(rows[0]))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(-0.41, -0.59, -0.24), "−0.41 (−0.59 to −0.24)"),
        (Estimate(1.1234, 0.8, 1.4), "+1.12 (+0.80 to +1.40)"),
        (Estimate(0.1, -0.1, 0.3), "no detectable difference"),
        (Estimate(-0.5, float("nan"), float("nan")), "−0.50"),
    ],
)
def test_a_difference_is_a_number_only_where_it_was_detected(estimate, words):
    assert difference(estimate) == words


def test_the_base_differs_from_nothing_and_one_seed_has_no_interval(rows):
    assert [difference_from_base(row) for row in rows] == ["–", "−2.00"]


def test_nothing_has_no_sign():
    assert (signed(-0.001), signed(0.004)) == ("0.00", "0.00")


def unvalidated():
    """A variant that was trained on the validation split too, and one that was not."""
    made = study({"all": [1.0], "relu_adam": [2.0]})
    return comparison_rows(replace(made, results=made.results | {"all": without_validation(made.results["all"])}))


NOTE = "– for validation: that split was trained on too."


def test_a_validation_error_that_there_is_none_of_is_a_dash_with_a_note(capsys):
    rows = unvalidated()
    assert (rows[0]["validation_error_percent_mean"], rows[0]["validation_error_percent_sd"]) == ("", "")
    block = readme_block(rows, {})
    assert "| 2 | – | **1.00** |" in block
    assert NOTE in block
    print_table(rows)
    printed = " ".join(capsys.readouterr().out.split())
    assert NOTE in printed
    assert re.search(r"all .* – 1\.00", printed)


def test_where_all_have_a_validation_error_there_is_no_such_note(rows, capsys):
    print_table(rows)
    for text in (readme_block(rows, {}), capsys.readouterr().out):
        assert "trained on too" not in text


def test_what_is_announced_is_the_table_the_report_and_where_to_compare(rows, capsys):
    announce(rows, PAGE)
    *table, where, more = capsys.readouterr().out.splitlines()
    assert "tanh_sgd" in "".join(table)
    assert where == f"Report: {PAGE.resolve()}"
    assert more == "Compare in MLflow: make ui"


def test_a_standard_deviation_of_zero_is_shown():
    (row,) = comparison_rows(study({"tanh_sgd": [4.0, 4.0]}))
    assert mean_with_sd(row, "test_error_percent") == "4.00 ± 0.00"


def test_data_sets_are_named_as_a_person_says_them(rows):
    assert dataset_title(comparison_rows(study({"a": [1.0]}, dataset="mnist"))) == "MNIST"
    assert dataset_title(comparison_rows(study(ERRORS))) == "scikit-learn's bundled digits"


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


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_readme_block_is_a_table_with_a_row_per_variant(rows):
    block = readme_block(rows, {"tanh_sgd": "as in 1998", "relu_adam": "today's"}).split("\n")
    heading, empty, *table = block[:6]
    assert "MNIST" in heading
    assert empty == ""
    assert len({len(cells(line)) for line in table}) == 1
    assert cells(table[2]) == [
        "`tanh_sgd`",
        "as in 1998",
        "61,706",
        "2",
        "2.00 ± 1.00",
        f"**{mean_with_interval(rows[0])}**",
        "–",
        "",
    ]
    assert cells(table[3]) == ["`relu_adam`", "today's", "61,706", "2", "0.00", "**0.00**", "−2.00", "0.8"]
    assert block[6] == ""


def line_of(variant, block):
    (line,) = [line for line in block.split("\n") if line.startswith(f"| `{variant}`")]
    return line


def test_a_variant_without_description_has_an_empty_cell(rows):
    assert cells(line_of("relu_adam", readme_block(rows, {})))[:2] == ["`relu_adam`", ""]


def test_a_bar_in_a_description_does_not_split_its_cell(rows):
    line = line_of("relu_adam", readme_block(rows, {"relu_adam": "ReLU | Adam"}))
    assert len(re.split(r"(?<!\\)\|", line)) == 10  # eight cells between nine bars


BEFORE = "# Title\n\n| a | table |\n  of another kind  \n\n"
AFTER = "\n\n## After\n\nno line break at the end, ± and —"


def test_what_stands_between_the_markers_is_replaced_and_nothing_else():
    readme = Path("README.md")
    readme.write_text(f"{BEFORE}{START}\nold\nrows\n{END}{AFTER}", encoding="utf-8")
    update_readme("new\nblock")
    assert readme.read_text(encoding="utf-8") == f"{BEFORE}{START}\nnew\nblock\n{END}{AFTER}"


def test_an_empty_place_is_filled():
    Path("README.md").write_text(f"{START}\n{END}\n")
    update_readme("block")
    assert Path("README.md").read_text() == f"{START}\nblock\n{END}\n"


def test_updating_twice_is_updating_once(rows):
    readme = Path("README.md")
    readme.write_text(f"{BEFORE}{START}\nold\n{END}{AFTER}", encoding="utf-8")
    block = readme_block(rows, {})
    update_readme(block)
    once = readme.read_bytes(), readme.stat().st_mtime_ns, readme.stat().st_ino
    update_readme(block)
    assert (readme.read_bytes(), readme.stat().st_mtime_ns, readme.stat().st_ino) == once


@pytest.mark.parametrize("text", ["# Title\n", f"{START}\n", f"{END}\n", f"{END}\n{START}\n", ""])
def test_a_readme_without_its_markers_is_refused_and_left_alone(text):
    readme = Path("README.md")
    readme.write_text(text)
    with pytest.raises(LabError, match=rf"^README\.md has no lines {START} and {END}: [^\n]+$"):
        update_readme("block")
    assert readme.read_text() == text


def test_the_committed_readme_shows_the_committed_comparison():
    committed = ROOT / "reports" / "comparison.csv"
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"{START}\n")
    block, _, _ = rest.partition(f"\n{END}")
    about = load_settings(ROOT / "params.yaml").about
    assert block == readme_block(load_comparison(committed), about)
