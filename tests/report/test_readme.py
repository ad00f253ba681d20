"""The block of results in the README."""

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


def test_the_block_has_a_table_with_a_row_per_variant_and_notes(small_study):
    *_, heading, table, notes = readme_block(small_study).split("\n\n")
    assert heading == "Errors in percent on MNIST:"
    titles, _, baseline_row, other_row = map(cells, table.split("\n"))
    numbers = ["parameters", "epochs", "validation", "test", "against `tanh_sgd`", "published"]
    assert titles == ["variant", "what", *numbers]
    error = worded_error(small_study, "tanh_sgd")
    assert baseline_row == ["`tanh_sgd`", "", "61,706", "2", "2.00 ± 1.00", f"**{error}**", "–", ""]
    assert other_row == ["`relu_adam`", "", "61,706", "2", "0.00", "**0.00**", "−2.00", "0.8"]
    assert notes.endswith("Published: the paper (relu_adam).")


def test_html_and_markdown_in_a_description_are_plain_text():
    about = {"tanh_sgd": "<script>alert(1)</script>\n<!-- results:end --> ReLU | Adam"}
    line = readme_block(study({"tanh_sgd": [1.0]}, about=about)).split("\n")[-3]
    text = "&lt;script&gt;alert(1)&lt;/script&gt; &lt;!-- results:end --&gt; ReLU \\| Adam"
    assert cells(line)[:3] == ["`tanh_sgd`", text, "61,706"]


def test_the_answer_begins_with_the_errors_of_the_original_the_baseline_and_the_top():
    errors = {"tanh_sgd": [3.0, 2.0], "lenet5_1998": [2.0, 1.0], "modern": [1.0, 1.0]}
    published_study = study(errors, published={"lenet5_1998": 0.95}, dataset="mnist")
    baseline, original, top = (worded_error(published_study, variant) for variant in errors)
    error_list = f"`lenet5_1998` {original} % (published: 0.95 %); `tanh_sgd` {baseline} %; `modern` {top} %."
    assert answers(published_study) == [f"Test errors with 95 % intervals: {error_list}"]
    assert readme_block(published_study).startswith(
        f"{answers(published_study)[0]}\n\nErrors in percent on MNIST:\n\n|"
    )


def test_the_answer_has_the_effects_of_each_change_of_both_and_the_interaction():
    heading, line = answers(two_by_two())
    assert heading == "Effects of two changes, alone and together (percentage points, 95 % intervals):"
    estimate = r"−[\d.]+ \([−+][\d.]+ to [−+][\d.]+\)"
    assert re.fullmatch(
        rf"- Test error: against `a`, `b` {estimate}, `c` {estimate}, `d` {estimate}; interaction {estimate}\.", line
    )
    assert "`d` −19.00 (" in line
    assert "interaction −15.00 (" in line


def test_there_is_no_answer_without_a_published_error_and_a_factorial():
    assert answers(study({"tanh_sgd": [3.0, 2.0], "modern": [1.0, 1.0]})) == []


@pytest.mark.parametrize("old_block", ["old\nrows\n", ""])
def test_only_the_text_between_the_markers_is_replaced(old_block):
    readme = Path("README.md")
    readme.write_text(f"{BEFORE}{START}\n{old_block}{END}{AFTER}", encoding="utf-8")
    update_readme("new\nblock")
    assert readme.read_text(encoding="utf-8") == f"{BEFORE}{START}\nnew\nblock\n{END}{AFTER}"
    stat_before = readme.stat().st_mtime_ns, readme.stat().st_ino
    update_readme("new\nblock")  # the same block again: the file is not written
    assert (readme.stat().st_mtime_ns, readme.stat().st_ino) == stat_before


@pytest.mark.parametrize("text", ["# Title\n", f"{START}\n", f"{END}\n", f"{END}\n{START}\n", ""])
def test_a_readme_without_markers_is_refused_and_not_changed(text):
    readme = Path("README.md")
    readme.write_text(text)
    with pytest.raises(LabError, match=rf"^README\.md lacks the line {START} or, after it, {END}: [^\n]+$"):
        update_readme("block")
    assert readme.read_text() == text


def test_the_committed_readme_shows_the_committed_comparison(committed_study, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, _, rest = Path("README.md").read_text(encoding="utf-8").partition(f"{START}\n")
    block, _, _ = rest.partition(f"\n{END}")
    assert block == readme_block(committed_study)
