"""The report is one file that shows the study's results and loads nothing else.

test_page_in_a_browser.py opens this file in a browser.
"""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.builders import FOUR, LADDER, noise_test_split, predictions, study, two_by_two, without_validation
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
    """A parsed page: the tags with their attributes, and the text outside <script> and <style>."""

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


def write_page(reported_study, train):
    """Write the pictures, the examples and the page of a study; return the page."""
    outputs = {variant: predictions(len(result.seeds)) for variant, result in reported_study.results.items()}
    copies = from_data.distorted_copies(reported_study.settings.variants, train)
    save_pictures(from_data.draw_pictures(reported_study, outputs, noise_test_split(), copies))
    save_examples(reported_study, outputs, noise_test_split())
    page.save_page(reported_study)
    return Page(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plain_page(digits, tmp_path_factory):
    """The page of a study that uses no optional part of params.yaml."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("plain"))
        return write_page(study(LADDER), digits)


@pytest.fixture(scope="module")
def full_page(digits, tmp_path_factory):
    """The page of a study with descriptions, a published error, a primary comparison and a sweep."""
    recipes = tuple(f"learning_rate={rate} schedule=cosine" for rate in "abcd")
    effects = Effects(recipes, {(recipes[1], recipes[0]): Estimate(-0.1, -0.2, 0.05)}, Estimate(-0.3, -0.4, -0.2))
    sweep = SweepResult("rates", "mnist", "Which rate?", {}, b"a picture", [effects])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("full"))
        patch.setattr(page.sweep_results, "load_sweep_results", lambda *_: [sweep])
        full_study = study(
            LADDER,
            published={"relu_adam": 0.95},
            about={"relu_adam": "the paper's", "modern": TEXT},
            changes={"relu_adam": {"activation": "relu"}, "modern": {"activation": "relu", "batch_size": 64}},
            primary=["relu_adam", "tanh_sgd"],
            dataset="mnist",
        )
        return write_page(full_study, digits)


@pytest.fixture(scope="module")
def committed_page(committed_study, tmp_path_factory):
    """The page of the report, written again from the results of the committed study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("committed"))
        for name in ("reports", "sweeps"):
            shutil.copytree(ROOT / name, name)
        page.save_page(committed_study)
        return Page(PAGE.read_text(encoding="utf-8"))


def test_the_page_begins_with_the_findings_of_the_readme_and_its_contents(full_page, plain_page):
    first, _, rest = full_page.text.partition("What was found")[2].partition("A variant is a network")
    for sentence in (
        "Between relu_adam with ReLU and tanh_sgd with tanh, there is no detectable difference.",
        "relu_adam misreads 11 on average; the paper published 1.",
    ):
        assert sentence in first
    assert "with schedule=cosine" in rest
    linked = [
        {link["href"][1:] for link in shown.all("a") if link["href"].startswith("#")}
        for shown in (full_page, plain_page)
    ]
    assert linked == [{heading["id"] for heading in shown.all("h2")} for shown in (full_page, plain_page)]
    assert linked[0] - linked[1] == {"paper", "sweeps"}


def test_a_finding_has_its_code_and_links_as_html():
    assert page.from_markdown("`a` misreads 1 &lt; 2 ([numbers](sweeps/b/effects.csv)).") == (
        '<code>a</code> misreads 1 &lt; 2 (<a href="../sweeps/b/effects.csv">numbers</a>).'
    )
    link_of_a_user = '[LeCun](https://example.org/" onclick="alert(1)) published 95, ` or 96.'
    assert page.from_markdown(link_of_a_user) == link_of_a_user


def test_the_two_by_two_is_a_grid_of_four_errors(digits, plain_page):
    text = write_page(two_by_two(), digits).text
    assert re.search(
        r"SGD Adam tanh 20\.50 [\d.]+ to [\d.]+ 18\.50 [\d.]+ to [\d.]+ ReLU 18\.50 .* 1\.50 [\d.]+ to", text
    )
    assert "2×2" not in plain_page.text


def test_the_step_to_the_primary_variant_is_told_apart_from_the_primary_comparison():
    errors = {"tanh_sgd": [20.0, 21.0], "relu_sgd": [11.0, 13.0], "relu_adam": [10.0, 12.0]}
    told_apart = study(errors, primary=["relu_adam", "tanh_sgd"])
    assert page.step_beside_primary(told_apart) == "relu_sgd"
    assert page.step_beside_primary(study(errors)) == ""
    assert page.step_beside_primary(study(errors, primary=["relu_sgd", "tanh_sgd"])) == ""
    assert page.step_beside_primary(study(LADDER, primary=["relu_adam", "tanh_sgd"])) == ""


def test_the_page_makes_no_claim_of_certainty_for_one_seed(digits):
    text = write_page(two_by_two({"a": [10.0], "b": [9.0], "c": [8.0], "d": [1.0]}), digits).text
    assert "One seed does not show how certain the numbers are." in text
    assert "activation −1.00 −7.00 optimizer −2.00 −8.00" in text
    for claim in ("detectable", "interval )", "simultaneous", "widened"):
        assert claim not in text


def test_a_page_with_a_single_difference_does_not_speak_of_widened_intervals(digits):
    two = study({"tanh_sgd": [20.0, 21.0], "relu_adam": [10.0, 12.0]}, primary=["relu_adam", "tanh_sgd"])
    text = write_page(two, digits).text
    for claim in ("widened", "primary comparison", "Šidák"):
        assert claim not in text


def test_a_study_of_one_variant_has_a_page_too(digits):
    single_page = write_page(study({"tanh_sgd": [10.0, 11.0]}), digits)
    assert "Every variant" in single_page.text
    assert "Change by change" not in single_page.text
    drawn = re.findall(r'id="data-(\w+)"', single_page.html)
    assert [name for name in drawn if f'id="chart-{name}"' not in single_page.html] == []


def test_the_table_of_variants_has_texts_to_read_and_numbers_to_sort_by(digits, small_study):
    result = without_validation(small_study.results["relu_adam"])
    unvalidated = replace(small_study, results=small_study.results | {"relu_adam": result})
    shown = write_page(unvalidated, digits)
    assert "relu_adam 0.00 −2.00 – 61,706 416,520 2" in shown.text
    cells = [cell["data-value"] for cell in shown.all("td") if "data-value" in cell]
    counts = ["61706", "416520", "2"]
    assert cells[:12] == ["2.0000", "0", "2.0000", *counts, "0.0000", "-2.0000", "", *counts]


def test_a_published_error_is_compared_with_one_more_run(full_page):
    assert re.search(r"relu_adam the paper 0\.95 10\.67 [\d.]+ to [\d.]+ no: below", full_page.text)


def test_each_step_of_the_ladder_has_its_changed_settings_and_its_difference(full_page):
    assert "relu_adam no detectable difference activation: tanh → relu" in full_page.text
    assert re.search(r"modern −6\.67 \(−[\d.]+ to −[\d.]+\) batch_size: 32 → 64", full_page.text)


def test_the_page_shows_the_effects_of_two_changes_and_their_interaction(digits):
    text = write_page(two_by_two(), digits).text
    assert "The effect of one change depends on the other: the interaction is −15.00 points (95 % interval −" in text
    estimate = r"−[\d.]+ \([−+][\d.]+ to [−+][\d.]+\)"
    assert re.search(rf"activation {estimate} −17\.00 \(.*\) optimizer {estimate} −17\.00 \(", text)
    text = write_page(two_by_two(FOUR | {"d": [16.0, 17.0]}), digits).text
    assert "There is no evidence that the effect of one change depends on the other: the interaction is 0.00" in text


def test_the_page_says_that_the_primary_comparison_is_not_adjusted(full_page):
    assert "That of the primary comparison, relu_adam against tanh_sgd (" in full_page.text
    note = "the primary difference, relu_adam against tanh_sgd, not widened, the others widened by Šidák for 2"
    assert note in full_page.text


def test_the_page_of_the_committed_study_shows_writers_and_sweeps(committed_study, committed_page, plain_page):
    assert "297 people wrote the 10,000 test digits: half of the digits are by employees" in committed_page.text
    assert re.search(r"One of the (employees|students), number \d+: [\d.]+ % errors on \d+ digits", committed_page.text)
    assert re.search(r"tanh_sgd 0\.\d\d 1\.\d\d relu_adam", committed_page.text)
    for name in committed_study.settings.comparison.sweeps:
        assert f"sweeps/{name}" in committed_page.text
    assert "people wrote the" not in plain_page.text  # the writers of the bundled digits are unknown


def test_a_sweep_is_shown_with_its_question_and_effects(full_page):
    assert "Which rate?" in full_page.text
    assert "with schedule=cosine (simultaneous 95 % intervals); interaction −0.30 (−0.40 to −0.20)" in full_page.text
    assert "b a −0.10 (−0.20 to +0.05)" in full_page.text


def test_html_in_a_description_is_plain_text_on_the_page(full_page):
    assert TEXT in full_page.text


def test_the_page_loads_nothing(plain_page):
    urls = [
        value
        for tag, attributes in plain_page.tags
        for name, value in attributes.items()
        if name in ("src", "href") and tag != "a"
    ]
    assert [value for value in urls if not value.startswith("data:image/png;base64,")] == []
    assert "@import" not in plain_page.html.split("</style>")[0]


def test_the_page_is_at_most_two_megabytes(committed_page):
    assert len(committed_page.html.encode()) < 2_000_000
    assert (ROOT / "reports/index.html").stat().st_size < 2_000_000


def test_every_table_has_a_caption(plain_page):
    assert len(plain_page.all("caption")) == len(plain_page.all("table")) > 3


def test_the_data_of_each_chart_is_valid_json(plain_page):
    charts = re.findall(r'<script type="application/json" id="data-(\w+)">(.*?)</script>', plain_page.html, re.DOTALL)
    assert [name for name, _ in charts] == ["ladder", "curves", "losses", "confusion"]
    assert all("$schema" in json.loads(text) for _, text in charts)


def test_the_page_says_how_it_was_made_and_contains_no_path_of_this_machine(plain_page, tmp_path):
    for text in ("make repro", "1" * 32, "c" * 64, "tensorflow 2.21.0", "Šidák for 3 at once", "0, 1, 2"):
        assert text in plain_page.text
    assert str(tmp_path.parent) not in plain_page.html


def test_variants_with_the_same_distortions_share_a_picture():
    base = load_settings(ROOT / "params.yaml").base
    by_one_pixel, by_two_pixels = (base.model_copy(update={"translation": pixels}) for pixels in (1.0, 2.0))
    longer = by_two_pixels.model_copy(update={"epochs": 60})
    assert page.groups_of_equal_distortion({"a": by_two_pixels, "b": by_one_pixel, "c": longer, "d": base}) == [
        ["a", "c"],
        ["b"],
    ]
