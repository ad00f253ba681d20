"""The comparison says what the results say, as rows and as CSV files."""

import csv

import pytest
from support.builders import study

from lenet.errors import LabError
from lenet.report.tables import comparison_rows, load_comparison, load_differences, save_tables

ERRORS = {"tanh_sgd": [1.0, 2.0, 3.0], "relu_adam": [0.0]}
INTERVALS = ["test_error_percent_low", "test_error_percent_high"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
        "published_by": "",
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
        ("difference", "both", "first"),
        ("effect", "activation", ""),
        ("effect", "optimizer", ""),
        ("effect", "interaction", ""),
    ]
    assert [row["points"] for row in found[:3]] == ["2.0000", "-1.5000", "-7.0000"]
    assert {row["detectable"] for row in found} <= {"true", "false"}
    read_back = load_differences()
    assert [read_back[pair].value for pair in (("both", "neither"), ("activation", ""))] == [-7.0, -1.75]


def test_the_mistakes_are_counted_per_digit_and_variant():
    save_tables(study({"tanh_sgd": [1.0, 3.0], "relu_adam": [2.0, 2.0]}))
    assert read("mistakes") == [
        {"digit": "0", "label": "0", "tanh_sgd": "2", "relu_adam": "2"},
        {"digit": "1", "label": "1", "tanh_sgd": "1", "relu_adam": "2"},
        {"digit": "2", "label": "2", "tanh_sgd": "1", "relu_adam": "0"},
    ]


@pytest.mark.parametrize(("load", "name"), [(load_comparison, "comparison"), (load_differences, "differences")])
def test_a_missing_table_is_refused_with_the_command_that_makes_it(load, name):
    with pytest.raises(LabError) as caught:
        load()
    assert str(caught.value) == f"reports/{name}.csv is missing: run `dvc repro plot`"
