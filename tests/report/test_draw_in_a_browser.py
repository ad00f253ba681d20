"""The page to draw on as a person meets it: a real browser, the file opened from disk, strokes of a mouse."""

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

# One of every kind of network.
KINDS = ("lenet5_1998", "lenet5_1998_sgd", "tanh_sgd", "tanh_sgd_28", "relu_adam_max_pool", "modern")
SEVEN = [[(70, 60), (200, 60), (120, 230)]]
ONE = [[(140, 50), (140, 230)]]
ZERO = [[(140 + 60 * np.sin(turn), 140 - 90 * np.cos(turn)) for turn in np.linspace(0, 2 * np.pi, 24)]]


@pytest.fixture
def drawing(opened):  # noqa: F811
    """Call it: the committed page, and its complaints."""
    return partial(opened, ROOT / "reports/draw.html")


@pytest.mark.parametrize("setting", ["input_size", "activation", "pooling", "c3", "output"])
def test_a_network_of_every_kind_is_compared_so_that_the_page_knows_a_new_one(setting):
    variants = load_settings(ROOT / "params.yaml").variants
    assert {getattr(variants[kind], setting) for kind in KINDS} == set(
        get_args(Variant.model_fields[setting].annotation)
    )


def stroke(page, *lines):
    """Draw lines, points of the board's 280 × 280, with the mouse."""
    box = page.locator("#board").bounding_box()
    for line in lines:
        (x, y), *rest = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in line]
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(x, y, steps=4)
        page.mouse.up()


def settle(page):
    """Wait until the page has shown what was drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def answers(page):
    settle(page)
    return [each.inner_text() for each in page.locator(".network .answer").all()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_computes_what_keras_computes(drawing, kind):
    from lenet.network import determinism

    determinism.prepare()
    determinism.start_run(0)
    from lenet.evaluate import export, look_inside
    from lenet.evaluation.predictions import Predictions
    from lenet.network.model import build_model, predictor

    settings = load_settings(ROOT / "params.yaml").variant(kind)
    images = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
    model = build_model(settings, Statistics("mnist", 0.1, 0, {}, 33.3, 78.6))
    for weight in model.weights:  # none at 0, so that each has a part in the output
        weight.assign(weight + 0.05 * np.random.default_rng(1).normal(size=weight.shape))
    expected = predictor(model)(images)
    made = study({kind: [1.0]}, changes={kind: settings.model_dump()})
    network = draw.network_of(
        made, kind, Predictions(probabilities=expected[None], **look_inside(model, images[0]), **export(model))
    )
    page, _ = drawing()
    reading = """([network, digits]) => {
        const [unpacked, pixels] = [unpack(network), Uint8Array.from(atob(digits), letter => letter.charCodeAt(0))];
        const digit = n => pixels.subarray(784 * n, 784 * (n + 1));
        return Array.from({length: pixels.length / 784}, (_, n) => read(unpacked, digit(n)).probabilities);
    }"""
    # As text: Playwright takes seconds to hand over a million numbers.
    computed = page.evaluate(reading, [network, base64.b64encode(images.tobytes()).decode()])
    assert np.abs(np.array(computed) - expected).max() < 1e-4
    assert expected.std(axis=0).max() > 1e-3  # the digits are told apart


@pytest.mark.parametrize(("lines", "label"), [(SEVEN, "7"), (ONE, "1"), (ZERO, "0")])
def test_a_digit_drawn_with_the_mouse_is_recognised(drawing, lines, label):
    page, complaints = drawing()
    page.get_by_role("button", name="Clear").click()
    assert answers(page) == ["–"] * 3
    stroke(page, *lines)
    assert answers(page) == [label] * 3
    assert complaints == []


def test_a_digit_can_be_drawn_with_the_keyboard(drawing):
    page, _ = drawing()
    page.get_by_role("button", name="Clear").click()
    page.locator("#board").focus()
    for key in ["ArrowUp"] * 11 + [" "] + ["ArrowDown"] * 22 + [" "]:
        page.keyboard.press(key)
    assert answers(page) == ["1"] * 3


def test_test_digits_are_called_up_shifted_and_turned(drawing):
    page, _ = drawing()
    page.get_by_role("button", name="a 6").first.click()
    assert answers(page)[2] == "6"
    before = page.locator("#seen").evaluate("canvas => canvas.toDataURL()")
    page.locator("#turn").fill("90")
    settle(page)
    assert page.locator("#seen").evaluate("canvas => canvas.toDataURL()") != before
    page.locator("#turn").fill("0")
    settle(page)
    assert page.locator("#seen").evaluate("canvas => canvas.toDataURL()") == before


def test_a_digit_that_is_called_up_ends_the_keyboards_stroke(drawing):
    page, complaints = drawing()
    page.locator("#board").focus()
    page.keyboard.press(" ")
    page.get_by_role("button", name="a 7").first.click()
    page.locator("#board").focus()
    page.keyboard.press("ArrowDown")
    assert answers(page)[2] == "7"
    assert complaints == []


def test_a_screen_reader_hears_the_answers(drawing):
    page, _ = drawing()
    page.get_by_role("button", name="a 7").first.click()
    page.wait_for_function("document.getElementById('told').textContent.includes('modern reads 7')")


def test_the_nearest_code_lights_up(drawing):
    page, _ = drawing()
    page.get_by_role("button", name="a 4").first.click()
    lit = page.locator(".codes li").evaluate_all("codes => codes.findIndex(code => code.classList.contains('best'))")
    distances = [int(each.inner_text()) for each in page.locator(".codes output").all()]
    assert lit == int(np.argmin(distances))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_accessibility_violations(drawing, scheme):
    page, _ = drawing(color_scheme=scheme)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_it_fits_a_telephone_and_one_and_a_half_megabytes(drawing):
    page, _ = drawing(viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert (ROOT / "reports/draw.html").stat().st_size < 1_500_000
