"""What a person sees who opens MLflow's pages: a real server, a real browser."""

import re
from dataclasses import replace

import pytest
from support.browsers import browser  # noqa: F401
from support.builders import variant_result
from support.servers import serving

from lenet.evaluation.results import save_result

pytestmark = pytest.mark.slow


def with_learning_rate(result, learning_rate):
    def changed(seed):
        settings = dict(seed.identity.settings) | {"learning_rate": learning_rate}
        return replace(seed, identity=replace(seed.identity, settings=settings))

    return replace(result, seeds=[changed(seed) for seed in result.seeds])


@pytest.fixture
def page(sqlite_client, browser):  # noqa: F811
    """A page of the served UI, on the address that `make ui` names; two variants, which differ in their rates."""
    save_result(with_learning_rate(variant_result("tanh_sgd", errors=[3.0, 4.0]), 0.01))
    save_result(with_learning_rate(variant_result("relu_sgd", errors=[1.0, 2.0]), 0.02))
    with serving("commands.ui", "/health") as (_, server):
        lines = iter(server.stdout.readline, "")
        variants = next(line for line in lines if line.startswith("lenet5-digits: ")).split()[-1]
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(60_000)
        page.best = next(lines).removeprefix("baseline and best variant on digits: ").strip()
        page.goto(variants)
        yield page
        page.close()


def test_the_variants_are_side_by_side_and_the_compare_view_shows_what_was_changed(page, tmp_path):
    for name in ("tanh_sgd", "relu_sgd"):
        page.get_by_role("link", name=name, exact=True).wait_for()
    assert page.get_by_text("2 matching runs").is_visible()  # the variants, without their seeds
    table = page.get_by_role("grid").or_(page.get_by_role("treegrid")).first
    assert "test/error_percent" in table.inner_text()
    page.screenshot(path=tmp_path / "runs.png")

    for row in page.get_by_role("row").filter(has=page.get_by_role("link")).all():
        row.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.get_by_role("switch", name="Show diff only").first.click()
    page.screenshot(path=tmp_path / "compare.png", full_page=True)
    rows = page.get_by_role("row").all_inner_texts()
    (changed,) = [row for row in rows if row.startswith("learning_rate")]
    assert set(re.findall(r"[\d.]+", changed)) == {"0.01", "0.02"}
    assert not [row for row in rows if row.startswith("batch_size")]


def test_baseline_and_best_variant_open_side_by_side_from_a_printed_address(page, tmp_path):
    page.goto(page.best)
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.screenshot(path=tmp_path / "champion.png", full_page=True)
    names = page.get_by_role("row").filter(has_text="Run Name").first.inner_text().split()
    assert names[-2:] == ["tanh_sgd", "relu_sgd"]


def test_a_variants_page_says_what_it_is_and_what_differs_from_the_baseline(page, tmp_path):
    page.get_by_role("link", name="relu_sgd", exact=True).click()
    page.get_by_text("The metrics are means over 2 seeds").wait_for()
    page.screenshot(path=tmp_path / "variant.png")
    assert page.get_by_text("Test error 1.50 %").is_visible()
    assert page.get_by_text("learning_rate 0.01 → 0.02").is_visible()
