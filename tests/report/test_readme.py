"""The results table in the README."""

import re
from pathlib import Path

import pytest
from support.builders import study
from support.paths import ROOT

from lenet.errors import LabError
from lenet.report.readme import answers, readme_block, update_readme
from lenet.report.tables import comparison_rows, load_comparison, save_tables
from lenet.report.wording import (
    mean_with_interval,
)
from lenet.settings import load_settings

START, END = "<!-- results:start -->", "<!-- results:end -->"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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


def test_the_answer_begins_with_the_errors_of_1998_of_the_baseline_and_of_today():
    errors = {"tanh_sgd": [3.0, 2.0], "lenet5_1998": [2.0, 1.0], "modern": [1.0, 1.0]}
    made = study(errors, published={"lenet5_1998": 0.95}, dataset="mnist")
    rows = comparison_rows(made)
    base, then, now = map(mean_with_interval, rows)
    told = f"`lenet5_1998` {then} % (published: 0.95 %); `tanh_sgd` {base} %; `modern` {now} %."
    assert answers(made.settings, rows)[0] == f"Test errors with 95 % intervals: {told}"


def test_without_a_published_error_the_answer_does_not_begin_with_one():
    made = study({"tanh_sgd": [3.0, 2.0], "modern": [1.0, 1.0]})
    assert answers(made.settings, comparison_rows(made)) == []


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


def test_a_description_is_text_whatever_is_in_it(rows):
    block = readme_block(rows, {"tanh_sgd": "<script>alert(1)</script>\n<!-- results:end -->"})
    assert "| &lt;script&gt;alert(1)&lt;/script&gt; &lt;!-- results:end --&gt; |" in block


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


def test_the_committed_readme_shows_the_committed_comparison(monkeypatch):
    committed = ROOT / "reports" / "comparison.csv"
    monkeypatch.chdir(ROOT)
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"{START}\n")
    block, _, _ = rest.partition(f"\n{END}")
    settings, rows = load_settings(), load_comparison(committed)
    assert block == readme_block(rows, settings.about, answers(settings, rows))


def test_the_note_says_who_reports_the_published_errors(rows):
    assert readme_block(rows, {}).endswith("Published: the paper (relu_adam).")


FOUR = {"a": [20.0, 21.0], "b": [19.0, 18.0], "c": [18.0, 19.0], "d": [1.0, 2.0]}


def test_the_answer_is_what_each_change_is_worth_both_and_the_interaction():
    changes = {"b": {"activation": "relu"}, "c": {"optimizer": "adam"}}
    made = study(FOUR, factorial=FOUR, changes=changes)
    save_tables(made)
    heading, empty, line = answers(made.settings, comparison_rows(made))
    assert (heading, empty) == ("Effects of two changes, alone and together (percentage points, 95 % intervals):", "")
    one = r"−[\d.]+ \([−+][\d.]+ to [−+][\d.]+\)"
    assert re.fullmatch(rf"- Test error: against `a`, `b` {one}, `c` {one}, `d` {one}; interaction {one}\.", line)
    assert "`d` −19.00 (" in line
    assert "interaction −15.00 (" in line


def test_without_a_2x2_there_is_no_such_answer():
    made = study(FOUR)
    assert answers(made.settings, comparison_rows(made)) == []


def test_the_answers_stand_above_the_table(rows):
    assert readme_block(rows, {}, ["One.", "Two."]).startswith("One.\nTwo.\n\nErrors in percent")
