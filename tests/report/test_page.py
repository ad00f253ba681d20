"""The report is one file that says what the study says, and loads nothing. test_page_in_a_browser.py looks at it."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.builders import FOUR, LADDER, digits_of_the_test, predictions, study, two_by_two
from support.paths import ROOT

from lenet.evaluation.comparison import Estimate
from lenet.report import from_data, page
from lenet.report.examples import save_examples
from lenet.report.pictures import save_pictures
from lenet.report.sweep_results import Effects, SweepResult
from lenet.settings import load_settings

PAGE = Path("reports/index.html")
TEXT = "<script>alert(1)</script> a & b < c \"quoted\" and 'so' {{ 7 * 7 }}"


class Page(HTMLParser):
    """What a browser sees without its scripts: tags with their attributes, and the text outside <script>, <style>."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.text, self._hidden = html, [], "", False
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text += " " if tag in ("td", "th", "p", "small") else ""
        self._hidden = tag in ("script", "style")

    def handle_data(self, data):
        if not self._hidden:
            self.text += data

    def handle_endtag(self, tag):
        self._hidden = False

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def written(made, train):
    """The page of a study, with its pictures."""
    seen = {name: predictions(len(result.seeds)) for name, result in made.results.items()}
    copies = from_data.distorted_copies(made.settings.variants, train)
    save_pictures(from_data.draw_pictures(made, seen, digits_of_the_test(), copies))
    save_examples(made, seen, digits_of_the_test())
    page.save_page(made)
    return Page(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def usual(digits, tmp_path_factory):
    """The page of a study without anything special."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("usual"))
        return written(study(LADDER), digits)


@pytest.fixture(scope="module")
def rich(digits, tmp_path_factory):
    """The page of a study that has all there is to tell."""
    four = tuple(f"learning_rate={each} schedule=cosine" for each in "abcd")
    effects = Effects(four, {(four[1], four[0]): Estimate(-0.1, -0.2, 0.05)}, Estimate(-0.3, -0.4, -0.2))
    sweep = SweepResult("rates", "Which rate?", b"a picture", [effects])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("rich"))
        patch.setattr(page.sweep_results, "load_sweep_results", lambda *_: [sweep])
        made = study(
            LADDER,
            published={"relu_adam": 0.95},
            about={"relu_adam": "the paper's", "modern": TEXT},
            changes={"relu_adam": {"activation": "relu"}, "modern": {"activation": "relu", "batch_size": 64}},
            primary=["relu_adam", "tanh_sgd"],
            dataset="mnist",
        )
        return written(made, digits)


@pytest.fixture(scope="module")
def committed_page(committed, tmp_path_factory):
    """The page of the committed study, made anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("committed"))
        for name in ("reports", "sweeps"):
            shutil.copytree(ROOT / name, name)
        page.save_page(committed)
        return Page(PAGE.read_text(encoding="utf-8"))


def test_the_answer_is_one_sentence_with_its_interval(usual):
    answer = re.search(r"From tanh_sgd to .*? parameters\.", usual.text)[0]
    whole = study(LADDER).comparison.differences["modern", "tanh_sgd"]
    assert "test error falls from 11.00 % to 4.00 %: 7.00 points fewer" in answer
    assert f"(95 % interval {-whole.high:.2f} to {-whole.low:.2f}), with the same 61,706 parameters." in answer


def test_where_no_difference_is_detected_the_answer_says_so(digits):
    shown = written(study({"tanh_sgd": [10.0, 12.0], "relu_adam": [10.0, 11.0]}), digits)
    assert "No detectable difference: 11.00 % test error for tanh_sgd, 10.50 % for relu_adam" in shown.text


def test_one_seed_is_not_said_to_be_sure(digits):
    shown = written(two_by_two({"a": [10.0], "b": [9.0], "c": [8.0], "d": [1.0]}), digits).text
    assert "One seed does not show how certain that is." in shown
    assert "activation −1.00 −7.00 optimizer −2.00 −8.00" in shown
    for claim in ("detectable", "interval )", "simultaneous"):
        assert claim not in shown


def test_a_single_variant_has_a_page_too(digits):
    shown = written(study({"tanh_sgd": [10.0, 11.0]}), digits)
    assert "Every variant" in shown.text
    assert "Change by change" not in shown.text


def test_the_network_of_the_paper_stands_beside_the_papers_figures(rich):
    assert re.search(r"relu_adam, the paper's, makes 10\.67 % .*; published: 0\.95 % \(the paper\)\.", rich.text)
    assert "modern makes 4.00 %: 6.67 points fewer (95 % interval" in rich.text
    assert re.search(r"relu_adam the paper 0\.95 10\.67 [\d.]+ to [\d.]+ below the interval", rich.text)


def test_each_step_of_the_ladder_says_what_changes_and_what_it_is_worth(rich):
    assert "relu_adam no detectable difference activation: tanh → relu" in rich.text
    assert re.search(r"modern −6\.67 \(−[\d.]+ to −[\d.]+\) batch_size: 32 → 64", rich.text)


def test_simple_effects_and_interaction_are_told(digits):
    shown = written(two_by_two(), digits).text
    assert "The effect of one change depends on the other: the interaction is −15.00 points (95 % interval −" in shown
    one = r"−[\d.]+ \([−+][\d.]+ to [−+][\d.]+\)"
    assert re.search(rf"activation {one} −17\.00 \(.*\) optimizer {one} −17\.00 \(", shown)
    shown = written(two_by_two(FOUR | {"d": [16.0, 17.0]}), digits).text
    assert "There is no evidence that the effect of one change depends on the other: the interaction is 0.00" in shown


def test_what_was_asked_first_is_said_not_to_be_adjusted(rich):
    assert "The study’s first question, relu_adam against tanh_sgd, is the exception" in rich.text
    adjusted = "the primary difference, relu_adam against tanh_sgd, not adjusted, the others adjusted by Šidák for 2"
    assert adjusted in rich.text


def test_of_the_committed_study_the_page_tells_writers_and_sweeps(committed, committed_page, usual):
    assert "297 people wrote the 10,000 test digits: half of the digits are by employees" in committed_page.text
    assert re.search(r"One of the (employees|students), number \d+: [\d.]+ % errors on \d+ digits", committed_page.text)
    assert re.search(r"tanh_sgd 0\.\d\d 1\.\d\d relu_adam", committed_page.text)
    for name in committed.settings.comparison.sweeps:
        assert f"sweeps/{name}" in committed_page.text
    assert "Who wrote the digits" not in usual.text  # nobody knows who wrote those


def test_a_sweep_is_told_with_its_effects(rich):
    assert "Which rate?" in rich.text
    assert "with schedule=cosine (simultaneous 95 % intervals); interaction −0.30 (−0.40 to −0.20)" in rich.text
    assert "b a −0.10 (−0.20 to +0.05)" in rich.text


def test_what_stands_in_about_is_text_on_the_page(rich):
    assert TEXT in rich.text


def test_the_page_loads_nothing(usual):
    loaded = [
        value
        for tag, attributes in usual.tags
        for name, value in attributes.items()
        if name in ("src", "href") and tag != "a"
    ]
    assert [value for value in loaded if not value.startswith("data:image/png;base64,")] == []
    assert "@import" not in usual.html.split("</style>")[0]


def test_the_page_is_at_most_two_megabytes(committed_page):
    assert len(committed_page.html.encode()) < 2_000_000
    assert (ROOT / "reports/index.html").stat().st_size < 2_000_000


def test_every_table_has_a_caption(usual):
    assert len(usual.all("caption")) == len(usual.all("table")) > 3


def test_charts_are_whole_json(usual):
    charts = re.findall(r'<script type="application/json" id="data-(\w+)">(.*?)</script>', usual.html, re.DOTALL)
    assert [name for name, _ in charts] == ["ladder", "curves", "confusion"]
    assert all("$schema" in json.loads(text) for _, text in charts)


def test_it_says_how_it_was_made_and_nothing_of_this_machine(usual, tmp_path):
    for text in ("make repro", "1" * 32, "c" * 64, "tensorflow 2.21.0", "Šidák for 3 at once", "0, 1, 2"):
        assert text in usual.text
    assert str(tmp_path.parent) not in usual.html


def test_variants_that_distort_alike_share_a_picture():
    base = load_settings(ROOT / "params.yaml").base
    once, twice = (base.model_copy(update={"translation": pixels}) for pixels in (1.0, 2.0))
    longer = twice.model_copy(update={"epochs": 60})
    assert page.distorting_alike({"a": twice, "b": once, "c": longer, "d": base}) == [["a", "c"], ["b"]]
