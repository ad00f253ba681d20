"""A real browser to look at pages with: Chromium or Chrome, driven by Playwright. Tests import the fixture by name."""

import os
import shutil

import pytest


def _lacking(what):
    # Where everything is meant to be tested, nothing is left out in silence.
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"a browser test needs {what}")


@pytest.fixture(scope="module")  # one after the other: Playwright runs once at a time
def browser():
    """Chromium without a window; call `browser.new_page()`."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _lacking("Playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromium = chromium or _lacking("Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, headless=True, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser):
    """Call it with a path: the file in a new page, and what its console complained of and it asked of a network."""
    pages = []

    def open_page(path, is_complaint=lambda message: True, **options):
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
        pages.append(page)
        complaints = []
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri())
        return page, complaints

    yield open_page
    for page in pages:
        page.close()
