"""The report as a person meets it: a real browser, the file opened from disk."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.browsers import browser, opened  # noqa: F401
from support.builders import LADDER, digits_of_the_test, outputs, study
from support.paths import ROOT

from lenet.report import from_data
from lenet.report import page as report_page

pytestmark = pytest.mark.slow

CHARTS = ("ladder", "curves", "confusion")


@pytest.fixture
def drawn(opened):  # noqa: F811
    """Call it with a path: the page once its charts are drawn, and its complaints."""

    def open_page(path, **options):
        page, complaints = opened(path, lambda message: message.type != "log", **options)
        for name in CHARTS:
            page.locator(f"#chart-{name} svg").wait_for()
        return page, complaints

    return open_page


@pytest.fixture
def small(workspace, digits):
    """A report of three small variants."""
    made = study(LADDER, published={"relu_adam": 0.95})
    copies = from_data.distorted_copies(made.settings.variants, digits)
    from_data.save(made, outputs(LADDER), digits_of_the_test(), copies)
    report_page.save_page(made)
    return workspace / "reports/index.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_committed_report_is_drawn_accessible_without_a_complaint_and_without_a_network(drawn, scheme, tmp_path):
    page, complaints = drawn(ROOT / "reports/index.html", color_scheme=scheme)
    page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
    assert complaints == []
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def first_column(page):
    return [row.split()[0] for row in page.locator("table.sortable tbody th").all_inner_texts()]


def test_the_table_sorts_by_number_by_text_and_back_with_mouse_and_keyboard(drawn, small):
    page, _ = drawn(small)
    assert first_column(page) == ["tanh_sgd", "relu_adam", "modern"]
    page.get_by_role("button", name="test error").click()
    assert first_column(page) == ["modern", "relu_adam", "tanh_sgd"]
    assert page.get_by_role("columnheader", name="test error").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="test error").press("Enter")
    assert first_column(page) == ["tanh_sgd", "relu_adam", "modern"]
    page.get_by_role("button", name="variant").press("Space")
    assert first_column(page) == ["modern", "relu_adam", "tanh_sgd"]
    assert page.locator("[aria-sort]").count() == 1


def test_a_chart_shows_its_values_where_the_pointer_is(drawn, small):
    page, _ = drawn(small)
    page.locator("#chart-ladder svg .mark-symbol.role-mark path").last.hover()
    shown = page.locator("#vg-tooltip-element")
    shown.wait_for()
    text = shown.inner_text()
    assert "modern" in text
    assert "−6.67" in text


def test_the_charts_say_what_they_are_to_a_screen_reader(drawn, small):
    page, _ = drawn(small)
    for name in CHARTS:
        chart = page.locator(f"#chart-{name}")
        assert chart.get_attribute("role") == "graphics-document"
        assert len(chart.get_attribute("aria-label")) > 30


def test_nothing_is_wider_than_a_telephone(drawn, small):
    page, _ = drawn(small, viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    widths = page.locator("table.sortable tbody th").evaluate_all("cells => cells.map(cell => cell.clientWidth)")
    assert min(widths) > 100  # names are not broken into letters
    for name in CHARTS:
        assert page.locator(f"#chart-{name}").evaluate("chart => chart.scrollWidth - chart.clientWidth") == 0, name


def columns(page, name):
    """How many panels of a chart stand side by side."""
    panels = page.locator(f"#chart-{name} svg .cell > g > path.background")
    return len(set(panels.evaluate_all("panels => panels.map(panel => Math.round(panel.getBoundingClientRect().x))")))


def test_panels_stand_side_by_side_where_there_is_room(drawn):
    page, _ = drawn(ROOT / "reports/index.html", viewport={"width": 1600, "height": 900})
    assert (columns(page, "curves"), columns(page, "confusion")) == (4, 3)
    page, _ = drawn(ROOT / "reports/index.html", viewport={"width": 400, "height": 900})
    assert (columns(page, "curves"), columns(page, "confusion")) == (1, 1)


def test_it_prints(drawn, small, tmp_path):
    page, _ = drawn(small)
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


def test_text_is_read_in_the_dark(drawn, small):
    page, _ = drawn(small, color_scheme="dark")
    colour = "element => getComputedStyle(element).fill"
    ink = page.locator("h1").evaluate("element => getComputedStyle(element).color")
    for label in ("#chart-ladder svg .role-axis-label text", "#chart-ladder svg .role-mark text"):
        assert page.locator(label).first.evaluate(colour) == ink
    # The confusions' cells have the colours of paper, and the numbers on them too.
    numbers = page.locator("#chart-confusion svg .mark-text.role-mark text").all()
    assert {number.evaluate(colour) for number in numbers} <= {"rgb(255, 255, 255)", "rgb(34, 34, 34)"}
