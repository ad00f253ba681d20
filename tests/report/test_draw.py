"""What the page to draw on is made of; test_draw_in_a_browser.py draws on it."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.builders import digits_of_the_test, predictions, study
from support.paths import ROOT

from lenet.network.lenet_1998 import CODES, TABLE_I
from lenet.report import draw

ERRORS = {"tanh_sgd": [10.0, 12.0], "paper": [4.0, 6.0], "modern": [1.0, 2.0]}
PUBLISHED = {
    "activation": "scaled_tanh",
    "pooling": "trainable",
    "c3": "table_1",
    "output": "rbf",
    "pixels": "published",
}


@pytest.fixture
def made():
    return study(
        ERRORS, published={"paper": 0.95}, changes={"paper": PUBLISHED}, about={"paper": "a < b"}, dataset="mnist"
    )


def embedded(page):
    return json.loads(re.search(r'<script type="application/json" id="networks">(.*?)</script>', page, re.S)[1])


def test_the_page_has_three_networks_and_test_digits_of_each_kind(made):
    test = digits_of_the_test()
    draw.save_page(made, {name: predictions() for name in ERRORS}, test)
    page = Path("reports/draw.html").read_text(encoding="utf-8")
    data = embedded(page)
    assert [network["name"] for network in data["networks"]] == ["paper", "tanh_sgd", "modern"]
    assert "a &lt; b" in page
    assert "a < b" not in page
    for digit in data["digits"]:
        pixels = np.frombuffer(base64.b64decode(digit["pixels"]), np.uint8).reshape(28, 28)
        np.testing.assert_array_equal(pixels, test.images[digit["index"]])
        assert digit["label"] == test.labels[digit["index"]]
    assert {digit["label"] for digit in data["digits"] if digit["kind"] == 0} == set(range(10))


def test_a_network_is_its_weights_and_what_its_layers_do(made):
    seen = predictions()
    network = draw.network_of(made, "tanh_sgd", seen)
    weights = np.frombuffer(base64.b64decode(network["weights"]), "<f4")
    np.testing.assert_array_equal(weights, seen.weights)
    assert sum(int(count) for _, _, count in network["layout"]) == weights.size == 61_706
    assert (network["table"], network["codes"]) == (None, None)
    published = draw.network_of(made, "paper", seen)
    assert published["table"] == TABLE_I.astype(int).tolist()
    assert published["codes"] == CODES.astype(int).tolist()
    assert (published["activation"], published["pooling"]) == ("scaled_tanh", "trainable")


@pytest.mark.parametrize("name", ["lenet.js", "draw.js", "draw.css"])
def test_the_committed_page_has_the_code_that_is_here(name):
    code = (ROOT / "src/lenet/report/templates" / name).read_text(encoding="utf-8")
    assert code.strip() in (ROOT / "reports/draw.html").read_text(encoding="utf-8")
