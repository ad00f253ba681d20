"""Fixtures with a real browser, Chromium or Chrome, which Playwright controls. Tests import the fixtures by name."""

import os
import shutil

import pytest


def _fail_or_skip(requirement):
    # In continuous integration every test must run, so a missing program is a failure.
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"a browser test needs {requirement}")


# The scope is not "session": each module imports its own copy of the fixture, and Playwright cannot run twice at once.
@pytest.fixture(scope="module")
def browser():
    """Chromium without a window. Call `browser.new_page()`."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _fail_or_skip("Playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromium = chromium or _fail_or_skip("Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium_browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=["--no-sandbox"])
        yield chromium_browser
        chromium_browser.close()


@pytest.fixture
def opened(browser):
    """A function that opens a file in a new page. The function returns the page and a list of complaints.

    The list grows while the page is open. Complaints are JavaScript errors, the URLs of HTTP requests, and console
    messages. If a caller passes the predicate `is_complaint`, a console message is a complaint only if
    `is_complaint(message)` is true.
    """
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
