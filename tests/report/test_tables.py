"""The CSV files contain the numbers of the results."""

import csv

from support.builders import study, two_by_two

from lenet.report.tables import save_tables


def read(name):
    with open(f"reports/{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_the_statistics_over_the_seeds_and_no_interval_for_one_seed(small_study):
    save_tables(small_study)
    three_seeds, one_seed = read("comparison")
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
    assert {name: three_seeds[name] for name in expected} == expected
    assert (one_seed["published_percent"], one_seed["published_by"]) == ("0.8", "the paper")
    assert [one_seed[f"test_error_percent_{end}"] for end in ("mean", "sd", "low", "high")] == ["0.0000", "", "", ""]


def test_a_row_has_the_interval_of_the_test_error_and_the_difference_from_the_baseline():
    two_variants = study({"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]})
    save_tables(two_variants)
    _, row = read("comparison")
    assert row["difference_percent"] == "-7.5000"
    error, difference = (
        two_variants.comparison.errors["relu_adam"],
        two_variants.comparison.differences["relu_adam", "tanh_sgd"],
    )
    for column, estimate in (("test_error_percent", error), ("difference_percent", difference)):
        assert [row[f"{column}_{end}"] for end in ("low", "high")] == [f"{estimate.low:.4f}", f"{estimate.high:.4f}"]


def test_the_table_of_differences_has_a_row_per_pair_and_per_effect():
    save_tables(two_by_two())
    rows = {(row["kind"], row["of"], row["against"]): row for row in read("differences")}
    pairs = [("b", "a"), ("c", "a"), ("d", "a"), ("c", "b"), ("d", "c"), ("d", "b")]
    effects = ["activation", "optimizer", "interaction"]
    assert list(rows) == [("difference", *pair) for pair in pairs] + [("effect", name, "") for name in effects]
    assert [rows["difference", name, "a"]["points"] for name in "bcd"] == ["-2.0000", "-2.0000", "-19.0000"]
    assert rows["effect", "interaction", ""]["points"] == "-15.0000"
    assert {row["detectable"] for row in rows.values()} == {"true", "false"}


def test_the_table_of_mistakes_counts_networks_per_misread_image_and_variant():
    save_tables(study({"tanh_sgd": [1.0, 3.0], "relu_adam": [2.0, 2.0]}))
    assert read("mistakes") == [
        {"digit": "0", "label": "0", "tanh_sgd": "2", "relu_adam": "2"},
        {"digit": "1", "label": "1", "tanh_sgd": "1", "relu_adam": "2"},
        {"digit": "2", "label": "2", "tanh_sgd": "1", "relu_adam": "0"},
    ]
