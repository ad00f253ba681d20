"""What MLflow's pages show, tested with a real server and a real browser."""

import re
import shutil
import subprocess
from dataclasses import replace
from typing import NamedTuple

import pytest
import requests
from support.browsers import browser  # noqa: F401
from support.builders import variant_result
from support.servers import listening, press_ctrl_c, serving

from lenet.evaluation.results import save_result

pytestmark = pytest.mark.slow


def with_learning_rate(result, learning_rate):
    def with_new_rate(seed):
        settings = dict(seed.identity.settings) | {"learning_rate": learning_rate}
        return replace(seed, identity=replace(seed.identity, settings=settings))

    return replace(result, seeds=[with_new_rate(seed) for seed in result.seeds])


class Pages(NamedTuple):
    """The UI: its address, its process, and the addresses that it prints: title → address."""

    address: str
    server: subprocess.Popen
    printed: dict[str, str]


@pytest.fixture(scope="module")
def pages(shared_workspace, empty_store):
    """Serve MLflow's pages about three variants with different learning rates, with `make ui`."""
    shutil.copy(empty_store, shared_workspace / "mlflow.db")
    for rate, (variant, error) in enumerate({"tanh_sgd": 3.0, "relu_adam": 2.0, "relu_sgd": 1.0}.items(), start=1):
        save_result(with_learning_rate(variant_result(variant, errors=[error, error + 1]), rate / 100))
    with serving("commands.ui", "/health") as (address, server):
        lines = (server.stdout.readline().strip().partition(": ") for _ in range(3))
        yield Pages(address, server, {title: page_address for title, _, page_address in lines})


@pytest.fixture
def page(pages, browser):  # noqa: F811
    """The browser's page with the list of variants."""
    page = browser.new_page(viewport={"width": 1600, "height": 1200})
    page.set_default_timeout(60_000)
    page.goto(pages.printed["lenet5-digits"])
    yield page
    page.close()


def test_the_list_shows_only_variants_and_the_compare_view_shows_only_what_differs(page):
    for name in ("tanh_sgd", "relu_adam", "relu_sgd"):
        page.get_by_role("link", name=name, exact=True).wait_for()
    assert page.get_by_text("3 matching runs").is_visible()  # the variants, without their seeds
    columns = page.get_by_role("columnheader").filter(
        has_text=re.compile("^test/error_percent|^interval|^learning_rate")
    )
    right_edges = [box["x"] + box["width"] for box in (column.bounding_box() for column in columns.all())]
    assert len(right_edges) == 3
    assert max(right_edges) < 1600 - 400  # MLflow's assistant is open at first and takes 400 pixels

    for name in ("tanh_sgd", "relu_sgd"):
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        row.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.get_by_role("switch", name="Show diff only").first.click()
    rows = page.get_by_role("row").all_inner_texts()
    (learning_rates,) = [row for row in rows if row.startswith("learning_rate")]
    assert set(re.findall(r"[\d.]+", learning_rates)) == {"0.01", "0.03"}
    assert not [row for row in rows if row.startswith("batch_size")]


def test_the_comparison_page_draws_the_learning_curves_of_two_variants_in_one_chart(page, pages):
    page.set_viewport_size({"width": 1600, "height": 2600})
    page.goto(pages.printed["tanh_sgd and relu_sgd"])
    for name in ("tanh_sgd", "relu_sgd"):
        page.get_by_role("link", name=name, exact=True).wait_for()
    assert page.get_by_text("2 matching runs").is_visible()
    card = page.get_by_test_id("experiment-view-compare-runs-card").filter(has_text="validation/loss")
    card.locator(".scatterlayer .trace").nth(1).wait_for(state="attached")
    colours = {
        line.evaluate("it => getComputedStyle(it).stroke") for line in card.locator(".scatterlayer .js-line").all()
    }
    assert len(colours) == 2


def test_the_ui_listens_on_this_machine_only_and_ends_with_ctrl_c(pages):
    """The last test of this file, because it stops the server."""
    assert listening(pages.server) == {"127.0.0.1"}
    assert press_ctrl_c(pages.server) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{pages.address}/health", timeout=5)
