"""The comparison says what the results say: as CSV, in the terminal, in the README and on the page."""

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from builders import variant_result, without_validation

from lenet.config import load_settings
from lenet.errors import LabError
from lenet.report import (
    announce,
    comparison,
    dataset_title,
    load_comparison,
    mean_with_sd,
    print_table,
    readme_block,
    save_comparison,
    save_page,
    update_readme,
)

ROOT = Path(__file__).parent.parent
START, END = "<!-- results:start -->", "<!-- results:end -->"
PAGE = Path("reports/index.html")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rows():
    """Three seeds of 1, 2 and 3 %: mean 2, standard deviation 1. One seed of 0.5 %: no standard deviation."""
    return comparison([variant_result("tanh_sgd", errors=[1.0, 2.0, 3.0]), variant_result("relu_adam", errors=[0.5])])


def test_a_row_holds_what_the_seeds_say(rows):
    assert rows[0] == {
        "variant": "tanh_sgd",
        "dataset": "digits",
        "seeds": "3",
        "parameters": "61706",
        "multiply_accumulates": "416520",
        "epochs": "2",
        "train_error_percent_mean": "1.0000",  # the builder's training errors are half the test errors
        "validation_error_percent_mean": "2.0000",
        "validation_error_percent_sd": "1.0000",
        "test_error_percent_mean": "2.0000",
        "test_error_percent_sd": "1.0000",
        "test_loss_mean": "0.2500",
        "calibration_error_percent_mean": "1.5000",
    }


def test_one_seed_has_an_empty_standard_deviation(rows):
    assert (rows[1]["test_error_percent_mean"], rows[1]["test_error_percent_sd"]) == ("0.5000", "")


def test_the_comparison_survives_its_file(rows):
    save_comparison(rows)
    assert load_comparison() == rows


def test_the_file_is_a_table_with_a_row_per_variant(rows):
    save_comparison(rows)
    with open("reports/comparison.csv", newline="") as file:
        header, *body = csv.reader(file)
    asked_for = {"variant", "seeds", "parameters", "epochs", "validation_error_percent_mean"}
    assert asked_for | {"test_error_percent_mean", "test_error_percent_sd"} <= set(header)
    assert [row[0] for row in body] == ["tanh_sgd", "relu_adam"]


def test_a_missing_comparison_is_refused_with_the_command_that_makes_it():
    with pytest.raises(LabError) as caught:
        load_comparison()
    assert str(caught.value) == "reports/comparison.csv is missing: run `dvc repro plot`"


def test_a_mean_is_shown_with_its_standard_deviation(rows):
    assert mean_with_sd(rows[0], "test_error_percent") == "2.00 ± 1.00"


def test_the_mean_of_one_seed_is_shown_alone(rows):
    assert mean_with_sd(rows[1], "test_error_percent") == "0.50"


@pytest.fixture
def unvalidated():
    """A variant that was trained on the validation split too, and one that was not."""
    return comparison([without_validation(variant_result("all", [1.0])), variant_result("relu_adam", [0.5])])


NOTE = "–: the validation split was trained on too."


def test_what_has_no_validation_error_has_empty_cells_for_it(unvalidated):
    row = unvalidated[0]
    assert (row["validation_error_percent_mean"], row["validation_error_percent_sd"]) == ("", "")
    save_comparison(unvalidated)
    assert load_comparison() == unvalidated


def test_a_validation_error_that_there_is_none_of_is_a_dash_with_a_note(unvalidated, capsys):
    block = readme_block(unvalidated, {})
    assert "| 2 | 1 | – | **1.00** |" in block
    assert block.endswith(f"\n\n{NOTE}")
    print_table(unvalidated)
    printed = capsys.readouterr().out
    assert NOTE in printed
    assert re.search(r"all .* –  +1\.00", printed)
    shown = page(unvalidated, {})
    assert shown.rows[1][-2:] == ["–", "1.00"]
    assert NOTE in PAGE.read_text(encoding="utf-8")


def test_where_all_have_a_validation_error_there_is_no_note(rows, capsys):
    print_table(rows)
    page(rows, {})
    for text in (readme_block(rows, {}), capsys.readouterr().out, PAGE.read_text(encoding="utf-8")):
        assert "trained on too" not in text


def test_what_is_announced_is_the_table_the_report_and_where_to_compare(rows, capsys):
    announce(rows, PAGE)
    *table, where, more = capsys.readouterr().out.splitlines()
    assert "tanh_sgd" in "".join(table)
    assert where == f"Report: {PAGE.resolve()}"
    assert more == "Compare in MLflow: make ui"


def test_a_standard_deviation_of_zero_is_shown():
    (row,) = comparison([variant_result(errors=[4.0, 4.0])])
    assert mean_with_sd(row, "test_error_percent") == "4.00 ± 0.00"


def test_data_sets_are_named_as_a_person_says_them():
    both = comparison([variant_result("a", [1.0], "mnist"), variant_result("b", [1.0], "mnist")])
    assert dataset_title(both) == "MNIST"
    mixed = comparison([variant_result("a", [1.0], "mnist"), variant_result("b", [1.0], "digits")])
    assert dataset_title(mixed) == "MNIST and scikit-learn's bundled digits"


def test_the_terminal_table_shows_every_variant_within_80_columns(rows, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(rows)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    for whole in ("tanh_sgd", "61,706", "2.00 ± 1.00", "relu_adam", "0.50"):
        assert whole in printed


def test_the_terminal_table_cuts_no_name_off_within_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    variants = load_settings(ROOT / "params.yaml").variants
    print_table(comparison([variant_result(variant, errors=[10.0, 12.0]) for variant in variants]))
    printed = capsys.readouterr().out.split()
    assert [variant for variant in variants if variant not in printed] == []
    assert printed.count("11.00") == 2 * len(variants)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_readme_block_is_a_table_with_a_row_per_variant(rows):
    heading, empty, *table = readme_block(rows, {"tanh_sgd": "as in 1998", "relu_adam": "today's"}).split("\n")
    assert "scikit-learn's bundled digits" in heading
    assert empty == ""
    assert len({len(cells(line)) for line in table}) == 1
    assert cells(table[2]) == ["`tanh_sgd`", "as in 1998", "61,706", "2", "3", "2.00 ± 1.00", "**2.00 ± 1.00**"]
    assert cells(table[3]) == ["`relu_adam`", "today's", "61,706", "2", "1", "0.50", "**0.50**"]
    assert len(table) == 4


def test_a_variant_without_description_has_an_empty_cell(rows):
    last = readme_block(rows, {}).split("\n")[-1]
    assert cells(last)[:2] == ["`relu_adam`", ""]


def test_a_bar_in_a_description_does_not_split_its_cell(rows):
    last = readme_block(rows, {"relu_adam": "ReLU | Adam"}).split("\n")[-1]
    assert len(re.split(r"(?<!\\)\|", last)) == 9  # seven cells between eight bars


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


class Page(HTMLParser):
    """What a browser sees: tags with their attributes, and the text of each table row."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows, self._in_row = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        self._in_row = tag in ("td", "th", "strong")
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self._in_row:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):
        self._in_row = False

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


FIGURES = {"a.png": "Blue < 0 < red, & more", "b.png": 'The "second"'}


def page(rows, about):
    save_page(rows, about, FIGURES)
    return Page(PAGE.read_text(encoding="utf-8"))


def test_the_page_shows_every_variant_with_its_numbers(rows):
    _, *shown = page(rows, {"tanh_sgd": "as in 1998", "relu_adam": "today's"}).rows
    assert shown == [
        ["tanh_sgd", "as in 1998", "61,706", "416,520", "2", "3", "2.00 ± 1.00", "2.00 ± 1.00"],
        ["relu_adam", "today's", "61,706", "416,520", "2", "1", "0.50", "0.50"],
    ]


def test_every_row_of_the_page_has_a_cell_for_each_heading(rows):
    heading, *shown = page(rows, {}).rows
    assert [len(row) for row in shown] == [len(heading)] * 2


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b < c", "\"quoted\" and 'so'", "{{ 7 * 7 }}"])
def test_what_stands_in_about_is_text_on_the_page(rows, text):
    seen = page(rows, {"tanh_sgd": text})
    assert seen.all("script") == []
    assert seen.rows[1][1] == text


def test_every_figure_is_on_the_page_with_an_alternative_text(rows):
    images = page(rows, {}).all("img")
    assert [image["src"] for image in images] == ["figures/a.png", "figures/b.png"]
    assert [image["alt"] for image in images] == list(FIGURES.values())


def test_the_page_loads_nothing_from_elsewhere(rows):
    seen = page(rows, {})
    addresses = [value for _, attributes in seen.tags for name, value in attributes.items() if name in ("src", "href")]
    assert addresses == ["figures/a.png", "figures/b.png"]
    assert "url(" not in PAGE.read_text(encoding="utf-8")


def test_the_page_tells_its_language_and_title(rows):
    seen = page(rows, {})
    assert seen.all("html") == [{"lang": "en"}]
    assert len(seen.all("title")) == len(seen.all("h1")) == 1


def test_equal_rows_give_an_equal_page(rows):
    page(rows, {})
    first = PAGE.read_bytes()
    page(rows, {})
    assert PAGE.read_bytes() == first
