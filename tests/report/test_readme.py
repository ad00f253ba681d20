"""The results in the README."""

import re
from pathlib import Path

import pytest
from support.builders import study, two_by_two
from support.paths import ROOT

from lenet.errors import LabError
from lenet.report.readme import answers, readme_block, update_readme
from lenet.report.wording import test_error as worded_error

START, END = "<!-- results:start -->", "<!-- results:end -->"
BEFORE = "# Title\n\n| a | table |\n  of another kind  \n\n"
AFTER = "\n\n## After\n\nno line break at the end, ± and —"


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def test_the_block_is_a_table_with_a_row_per_variant_and_notes(small):
    *_, heading, table, notes = readme_block(small).split("\n\n")
    assert heading == "Errors in percent on MNIST:"
    titles, _, base, other = map(cells, table.split("\n"))
    numbers = ["parameters", "epochs", "validation", "test", "against `tanh_sgd`", "published"]
    assert titles == ["variant", "what", *numbers]
    error = worded_error(small, "tanh_sgd")
    assert base == ["`tanh_sgd`", "", "61,706", "2", "2.00 ± 1.00", f"**{error}**", "–", ""]
    assert other == ["`relu_adam`", "", "61,706", "2", "0.00", "**0.00**", "−2.00", "0.8"]
    assert notes.endswith("Published: the paper (relu_adam).")


def test_a_description_is_text_whatever_is_in_it():
    about = {"tanh_sgd": "<script>alert(1)</script>\n<!-- results:end --> ReLU | Adam"}
    line = readme_block(study({"tanh_sgd": [1.0]}, about=about)).split("\n")[-3]
    text = "&lt;script&gt;alert(1)&lt;/script&gt; &lt;!-- results:end --&gt; ReLU \\| Adam"
    assert cells(line)[:3] == ["`tanh_sgd`", text, "61,706"]


def test_the_answer_begins_with_the_errors_of_1998_of_the_base_and_of_today():
    errors = {"tanh_sgd": [3.0, 2.0], "lenet5_1998": [2.0, 1.0], "modern": [1.0, 1.0]}
    made = study(errors, published={"lenet5_1998": 0.95}, dataset="mnist")
    base, then, now = (worded_error(made, variant) for variant in errors)
    words = f"`lenet5_1998` {then} % (published: 0.95 %); `tanh_sgd` {base} %; `modern` {now} %."
    assert answers(made) == [f"Test errors with 95 % intervals: {words}"]
    assert readme_block(made).startswith(f"{answers(made)[0]}\n\nErrors in percent on MNIST:\n\n|")


def test_the_answer_is_what_each_change_is_worth_both_and_the_interaction():
    heading, line = answers(two_by_two())
    assert heading == "Effects of two changes, alone and together (percentage points, 95 % intervals):"
    one = r"−[\d.]+ \([−+][\d.]+ to [−+][\d.]+\)"
    assert re.fullmatch(rf"- Test error: against `a`, `b` {one}, `c` {one}, `d` {one}; interaction {one}\.", line)
    assert "`d` −19.00 (" in line
    assert "interaction −15.00 (" in line


def test_without_a_published_error_and_a_2x2_there_is_no_answer():
    assert answers(study({"tanh_sgd": [3.0, 2.0], "modern": [1.0, 1.0]})) == []


@pytest.mark.parametrize("old", ["old\nrows\n", ""])
def test_what_stands_between_the_markers_is_replaced_and_nothing_else(old):
    readme = Path("README.md")
    readme.write_text(f"{BEFORE}{START}\n{old}{END}{AFTER}", encoding="utf-8")
    update_readme("new\nblock")
    assert readme.read_text(encoding="utf-8") == f"{BEFORE}{START}\nnew\nblock\n{END}{AFTER}"
    once = readme.stat().st_mtime_ns, readme.stat().st_ino
    update_readme("new\nblock")  # the same again: the file is not written
    assert (readme.stat().st_mtime_ns, readme.stat().st_ino) == once


@pytest.mark.parametrize("text", ["# Title\n", f"{START}\n", f"{END}\n", f"{END}\n{START}\n", ""])
def test_a_readme_without_its_markers_is_refused_and_left_alone(text):
    readme = Path("README.md")
    readme.write_text(text)
    with pytest.raises(LabError, match=rf"^README\.md has no lines {START} and {END}: [^\n]+$"):
        update_readme("block")
    assert readme.read_text() == text


def test_the_committed_readme_shows_the_committed_comparison(committed, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, _, rest = Path("README.md").read_text(encoding="utf-8").partition(f"{START}\n")
    block, _, _ = rest.partition(f"\n{END}")
    assert block == readme_block(committed)
