"""The block of results in the README."""

from pathlib import Path

import pytest
from support.builders import two_by_two
from support.paths import ROOT

from lenet.errors import LabError
from lenet.report import finding
from lenet.report.readme import readme_block, update_readme

START, END = "<!-- results:start -->", "<!-- results:end -->"
BEFORE = "# Title\n\n| a | table |\n  of another kind  \n\n"
AFTER = "\n\n## After\n\nno line break at the end, ± and —"


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_block_has_a_table_of_few_variants_a_note_and_the_finding(small_study):
    table, note = readme_block(small_study).split("\n\n")
    titles, _, other_row, baseline_row = map(cells, table.split("\n"))
    assert titles == ["variant", "what it is", "misread of 100<br>(95 % interval)", "published", "accuracy"]
    assert other_row == ["`relu_adam`", "", "**0**", "1", "100.00 %"]
    error = small_study.comparison.errors["tanh_sgd"]
    assert baseline_row == ["`tanh_sgd`", "", f"**2 ({error.low:.0f} to {error.high:.0f})**", "", "98.00 %"]
    assert note == "On MNIST; means over 3 seeds. [All 2 variants](reports/results.md) with all intervals."
    _, note, found = readme_block(two_by_two()).split("\n\n")
    assert note.startswith("On scikit-learn's bundled digits; ")
    assert found.splitlines() == [f"- {sentence}" for sentence in finding.sentences(two_by_two())]


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
