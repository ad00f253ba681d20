"""The page on which the reader draws works in a real browser that opens the file from disk."""

import base64
from functools import partial
from typing import get_args

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from support.browsers import browser, opened  # noqa: F401
from support.builders import study
from support.paths import ROOT

from lenet.mnist.splits import Statistics
from lenet.report import draw
from lenet.settings import Variant, load_settings

pytestmark = pytest.mark.slow

VARIANTS = load_settings(ROOT / "params.yaml").variants
# One recipe of every kind of network.
KINDS = {name: VARIANTS[name] for name in ("lenet5_1998", "tanh_sgd", "tanh_sgd_28", "relu_adam_max_pool", "modern")}
KINDS["blur"] = VARIANTS["modern"].model_copy(update={"pooling": "blur"})
SEVEN = [[(70, 60), (200, 60), (120, 230)]]
ONE = [[(140, 50), (140, 230)]]
ZERO = [[(140 + 60 * np.sin(turn), 140 - 90 * np.cos(turn)) for turn in np.linspace(0, 2 * np.pi, 24)]]


@pytest.fixture
def open_page(opened):  # noqa: F811
    """A function that opens the committed page.

    The function returns the page, and a list of the page's errors, messages and network requests.
    """
    return partial(opened, ROOT / "reports/draw.html")


@pytest.mark.parametrize("setting", ["input_size", "activation", "pooling", "c3", "output"])
def test_every_value_of_a_setting_that_changes_the_network_is_compared_with_keras(setting):
    assert {getattr(recipe, setting) for recipe in KINDS.values()} == set(
        get_args(Variant.model_fields[setting].annotation)
    )


def draw_lines(page, *lines):
    """Draw lines with the mouse. Their points are in the board's coordinates, 0 to 280."""
    box = page.locator("#board").bounding_box()
    for line in lines:
        (x, y), *rest = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in line]
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(x, y, steps=4)
        page.mouse.up()


def settle(page):
    """Wait until the page has processed the last input."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def answers(page):
    settle(page)
    return [element.inner_text() for element in page.locator(".network .answer").all()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_computes_the_same_probabilities_as_keras(open_page, kind):
    from lenet.network import determinism

    determinism.prepare()
    determinism.reset_and_seed(0)
    from lenet.evaluate import exported_network, filters_and_feature_maps
    from lenet.evaluation.predictions import Predictions
    from lenet.network.model import build_model, make_predictor

    settings = KINDS[kind]
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
    model = build_model(settings, Statistics("mnist", 0.1, 0, {}, 33.3, 78.6))
    for weight in model.weights:  # no weight stays 0, so that each one affects the output
        weight.assign(weight + 0.05 * np.random.default_rng(1).normal(size=weight.shape))
    expected = make_predictor(model)(images)
    one_variant = study({kind: [1.0]}, changes={kind: settings.model_dump()})
    network = draw.network_data(
        one_variant,
        kind,
        Predictions(
            probabilities=expected[None], **filters_and_feature_maps(model, images[0]), **exported_network(model)
        ),
    )
    page, _ = open_page()
    javascript = """([network, digits]) => {
        const [unpacked, pixels] = [unpack(network), Uint8Array.from(atob(digits), letter => letter.charCodeAt(0))];
        const digit = n => pixels.subarray(784 * n, 784 * (n + 1));
        return Array.from({length: pixels.length / 784}, (_, n) => read(unpacked, digit(n)).probabilities);
    }"""
    # The pixels go as text: Playwright would take seconds for a million numbers.
    computed = page.evaluate(javascript, [network, base64.b64encode(images.tobytes()).decode()])
    assert np.abs(np.array(computed) - expected).max() < 1e-4
    assert expected.std(axis=0).max() > 1e-3  # the output depends on the image


@pytest.mark.parametrize(("lines", "label"), [(SEVEN, "7"), (ONE, "1"), (ZERO, "0")])
def test_a_digit_drawn_with_the_mouse_is_recognised(open_page, lines, label):
    page, complaints = open_page()
    page.get_by_role("button", name="Clear").click()
    assert answers(page) == ["–"] * 3
    draw_lines(page, *lines)
    assert answers(page) == [label] * 3
    assert complaints == []


def test_a_digit_can_be_drawn_with_the_keyboard(open_page):
    page, _ = open_page()
    page.get_by_role("button", name="Clear").click()
    page.locator("#board").focus()
    for key in ["ArrowUp"] * 11 + [" "] + ["ArrowDown"] * 22 + [" "]:
        page.keyboard.press(key)
    assert answers(page) == ["1"] * 3


def test_a_test_image_can_be_chosen_and_rotated(open_page):
    page, _ = open_page()
    page.get_by_role("button", name="class 6").first.click()
    assert answers(page)[2] == "6"
    before = page.locator("#seen").evaluate("canvas => canvas.toDataURL()")
    page.locator("#turn").fill("90")
    settle(page)
    assert page.locator("#seen").evaluate("canvas => canvas.toDataURL()") != before
    page.locator("#turn").fill("0")
    settle(page)
    assert page.locator("#seen").evaluate("canvas => canvas.toDataURL()") == before


def test_choosing_a_test_image_ends_a_stroke_that_the_keyboard_draws(open_page):
    page, complaints = open_page()
    page.locator("#board").focus()
    page.keyboard.press(" ")
    page.get_by_role("button", name="class 7").first.click()
    page.locator("#board").focus()
    page.keyboard.press("ArrowDown")
    assert answers(page)[2] == "7"
    assert complaints == []


def test_a_screen_reader_hears_the_answers(open_page):
    page, _ = open_page()
    page.get_by_role("button", name="class 7").first.click()
    page.wait_for_function("document.getElementById('told').textContent.includes('modern reads 7')")


def test_the_nearest_code_is_highlighted(open_page):
    page, _ = open_page()
    page.get_by_role("button", name="class 4").first.click()
    highlighted = page.locator(".codes li").evaluate_all(
        "codes => codes.findIndex(code => code.classList.contains('best'))"
    )
    distances = [int(element.inner_text()) for element in page.locator(".codes output").all()]
    assert highlighted == int(np.argmin(distances))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_no_accessibility_violations(open_page, scheme):
    page, _ = open_page(color_scheme=scheme)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def test_the_page_fits_the_width_of_a_phone_and_one_and_a_half_megabytes(open_page):
    page, _ = open_page(viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert (ROOT / "reports/draw.html").stat().st_size < 1_500_000
