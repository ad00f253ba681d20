"""The report works in a real browser that opens the file from disk."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.browsers import browser, opened  # noqa: F401
from support.builders import LADDER, noise_test_split, outputs, study
from support.paths import ROOT

from lenet.report import from_data
from lenet.report import page as report_page

pytestmark = pytest.mark.slow

CHARTS = ("ladder", "curves", "losses", "confusion")


@pytest.fixture
def open_report(opened):  # noqa: F811
    """A function that opens a report and waits for the charts.

    The function returns the page, and a list of the page's errors, warnings and network requests.
    """

    def open_page(path, **options):
        page, complaints = opened(path, lambda message: message.type != "log", **options)
        for name in CHARTS:
            page.locator(f"#chart-{name} svg").wait_for()
        return page, complaints

    return open_page


@pytest.fixture(scope="module")
def small_report(shared_workspace, digits):
    """The path of a report on a small study of three variants."""
    three_variants = study(LADDER, published={"relu_adam": 0.95})
    copies = from_data.distorted_copies(three_variants.settings.variants, digits)
    from_data.save(three_variants, outputs(LADDER), noise_test_split(), copies)
    report_page.save_page(three_variants)
    return shared_workspace / "reports/index.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_committed_report_is_accessible_and_causes_no_errors_or_network_requests(open_report, scheme):
    page, complaints = open_report(ROOT / "reports/index.html", color_scheme=scheme)
    assert complaints == []
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def first_column(page):
    return [row.split()[0] for row in page.locator("table.sortable tbody th").all_inner_texts()]


def test_the_table_can_be_sorted_by_number_and_text_in_both_orders_with_mouse_and_keyboard(open_report, small_report):
    page, _ = open_report(small_report)
    assert first_column(page) == ["tanh_sgd", "relu_adam", "modern"]
    page.get_by_role("button", name="test error").click()
    assert first_column(page) == ["modern", "relu_adam", "tanh_sgd"]
    assert page.get_by_role("columnheader", name="test error").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="test error").press("Enter")
    assert first_column(page) == ["tanh_sgd", "relu_adam", "modern"]
    page.get_by_role("button", name="variant").press("Space")
    assert first_column(page) == ["modern", "relu_adam", "tanh_sgd"]
    assert page.locator("[aria-sort]").count() == 1


def test_a_chart_shows_the_values_of_the_point_under_the_pointer(open_report, small_report):
    page, _ = open_report(small_report)
    page.locator("#chart-ladder svg .mark-symbol.role-mark path").last.hover()
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.wait_for()
    text = tooltip.inner_text()
    assert "modern" in text
    assert "−6.67" in text


def test_the_charts_have_descriptions_for_screen_readers(open_report, small_report):
    page, _ = open_report(small_report)
    for name in CHARTS:
        chart = page.locator(f"#chart-{name}")
        assert chart.get_attribute("role") == "graphics-document"
        assert len(chart.get_attribute("aria-label")) > 30


def test_nothing_is_wider_than_the_screen_of_a_phone(open_report, small_report):
    page, _ = open_report(small_report, viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    widths = page.locator("table.sortable tbody th").evaluate_all("cells => cells.map(cell => cell.clientWidth)")
    assert min(widths) > 100  # names are not broken into letters
    for name in CHARTS:
        assert page.locator(f"#chart-{name}").evaluate("chart => chart.scrollWidth - chart.clientWidth") == 0, name


def panel_columns(page, name):
    """Return how many panels of a chart are side by side."""
    panels = page.locator(f"#chart-{name} svg .cell > g > path.background")
    return len(set(panels.evaluate_all("panels => panels.map(panel => Math.round(panel.getBoundingClientRect().x))")))


def test_panels_are_side_by_side_if_the_screen_is_wide(open_report):
    page, _ = open_report(ROOT / "reports/index.html", viewport={"width": 1600, "height": 900})
    assert (panel_columns(page, "curves"), panel_columns(page, "confusion")) == (4, 2)
    page, _ = open_report(ROOT / "reports/index.html", viewport={"width": 400, "height": 900})
    assert (panel_columns(page, "curves"), panel_columns(page, "confusion")) == (1, 1)


def test_the_report_can_be_printed(open_report, small_report, tmp_path):
    page, _ = open_report(small_report)
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


def test_the_text_of_charts_is_legible_in_dark_mode(open_report, small_report):
    page, _ = open_report(small_report, color_scheme="dark")
    fill = "element => getComputedStyle(element).fill"
    ink = page.locator("h1").evaluate("element => getComputedStyle(element).color")
    for label in ("#chart-ladder svg .role-axis-label text", "#chart-ladder svg .role-mark text"):
        assert page.locator(label).first.evaluate(fill) == ink
    # The cells of the confusion matrices have the same colours in dark mode, and so have the numbers in them.
    numbers = page.locator("#chart-confusion svg .mark-text.role-mark text").all()
    assert {number.evaluate(fill) for number in numbers} <= {"rgb(255, 255, 255)", "rgb(34, 34, 34)"}
