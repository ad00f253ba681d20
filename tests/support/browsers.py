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
