"""The page on which the reader draws has the right content. test_draw_in_a_browser.py draws on this page."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.builders import noise_test_split, outputs, study
from support.paths import ROOT

from lenet.report import draw

ERRORS = {"tanh_sgd": [10.0, 12.0], "paper": [4.0, 6.0], "modern": [1.0, 2.0]}


def embedded_data(page):
    return json.loads(re.search(r'<script type="application/json" id="networks">(.*?)</script>', page, re.S)[1])


def test_the_page_has_three_networks_and_test_images_of_each_kind():
    three_variants = study(ERRORS, published={"paper": 0.95}, about={"paper": "a < b"}, dataset="mnist")
    test = noise_test_split()
    draw.save_page(three_variants, outputs(ERRORS), test)
    page = Path("reports/draw.html").read_text(encoding="utf-8")
    data = embedded_data(page)
    assert [network["name"] for network in data["networks"]] == ["paper", "tanh_sgd", "modern"]
    assert "a &lt; b" in page
    assert "a < b" not in page
    for image in data["digits"]:
        pixels = np.frombuffer(base64.b64decode(image["pixels"]), np.uint8).reshape(28, 28)
        np.testing.assert_array_equal(pixels, test.images[image["index"]])
        assert image["label"] == test.labels[image["index"]]
    assert {image["label"] for image in data["digits"] if image["kind"] == 0} == set(range(10))


@pytest.mark.parametrize("name", ["lenet.js", "draw.js", "draw.css"])
def test_the_committed_page_contains_the_current_template_code(name):
    code = (ROOT / "src/lenet/report/templates" / name).read_text(encoding="utf-8")
    assert code.strip() in (ROOT / "reports/draw.html").read_text(encoding="utf-8")
