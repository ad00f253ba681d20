"""The page with all results."""

import re

from support.builders import study, two_by_two
from support.paths import ROOT

from lenet.report.results_page import effects, results, save_results
from lenet.report.wording import test_error as worded_error
from lenet.workspace import RESULTS


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def test_the_page_in_reports_has_a_table_with_a_row_per_variant_and_notes(small_study):
    save_results(small_study)
    title, _, _, table, notes = RESULTS.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    assert title == "# All results on MNIST"
    titles, _, baseline_row, other_row = map(cells, table.split("\n"))
    numbers = ["parameters", "epochs", "validation", "test", "against `tanh_sgd`", "published"]
    assert titles == ["variant", "what", *numbers]
    error = worded_error(small_study, "tanh_sgd")
    assert baseline_row == ["`tanh_sgd`", "", "61,706", "2", "2.00 ± 1.00", f"**{error}**", "–", ""]
    assert other_row == ["`relu_adam`", "", "61,706", "2", "0.00", "**0.00**", "−2.00", "0.8"]
    assert notes.endswith("Published: the paper (relu_adam).")


def test_html_and_markdown_in_a_description_are_plain_text():
    about = {"tanh_sgd": "<script>alert(1)</script>\n<!-- results:end --> ReLU | Adam"}
    line = results(study({"tanh_sgd": [1.0]}, about=about)).split("\n")[-3]
    text = "&lt;script&gt;alert(1)&lt;/script&gt; &lt;!-- results:end --&gt; ReLU \\| Adam"
    assert cells(line)[:3] == ["`tanh_sgd`", text, "61,706"]


def test_the_effects_are_those_of_each_change_of_both_and_the_interaction():
    heading, line = effects(two_by_two())
    assert heading == "Effects of two changes, alone and together (percentage points, 95 % intervals):"
    estimate = r"−[\d.]+ \([−+][\d.]+ to [−+][\d.]+\)"
    assert re.fullmatch(
        rf"- Test error, compared with `a`: `b` {estimate}, `c` {estimate}, `d` {estimate}; "
        rf"interaction {estimate}\.",
        line,
    )
    assert "`d` −19.00 (" in line
    assert "interaction −15.00 (" in line
    assert effects(study({"tanh_sgd": [3.0, 2.0]})) == []


def test_a_sweep_on_another_data_set_is_compared_with_the_study(monkeypatch, clothes):
    monkeypatch.setattr("lenet.report.results_page.load_sweep_results", lambda settings: [clothes])
    *_, heading, lines = effects(two_by_two(dataset="mnist"))
    assert heading.startswith("Are these changes worth the same on Fashion-MNIST? ")
    assert lines.startswith("- ReLU with SGD: 0.00 (−0.50 to +0.50) on Fashion-MNIST and ")


def test_the_committed_page_shows_the_committed_results(committed_study, monkeypatch):
    monkeypatch.chdir(ROOT)
    committed = RESULTS.read_bytes()
    assert committed.decode() == f"{results(committed_study)}\n"
