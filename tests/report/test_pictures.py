import base64
import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from lenet.errors import LabError
from lenet.report.pictures import data_url, ink, mosaic, save_pictures, signed


def pixels(png):
    return imread(io.BytesIO(png))


def test_ink_is_drawn_black_on_white_with_one_pixel_per_value():
    image = pixels(ink(np.array([[0, 255], [128, 0]], np.uint8)))
    assert image.shape[:2] == (2, 2)
    assert image[0, 0, :3].min() == 1
    assert image[0, 1, :3].max() == 0
    assert 0.4 < image[1, 0, 0] < 0.6


def test_negative_values_are_blue_positive_ones_red_and_nan_is_transparent():
    blue, white, red, gap = pixels(signed(np.array([[-2.0, 0.0, 2.0, np.nan]])))[0]
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert white[:3].min() > 0.9
    assert (blue[3], gap[3]) == (1, 0)


def test_an_array_of_zeros_is_white():
    assert pixels(signed(np.zeros((2, 2))))[..., :3].min() > 0.9


def test_a_mosaic_arranges_tiles_in_rows_with_gaps():
    canvas = mosaic(np.arange(3)[:, None, None] * np.ones((3, 9, 9)), columns=2)
    assert canvas.shape == (19, 19)
    assert (canvas[0, 0], canvas[0, 18], canvas[18, 0]) == (0, 1, 2)
    assert np.isnan(canvas[9]).all()
    assert np.isnan(canvas[18, 18])


def test_a_saved_picture_becomes_a_data_url_and_older_pictures_are_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_pictures({"old": b"old"})
    save_pictures({"new": ink(np.eye(5))})
    head, _, content = data_url("new").partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(content) == ink(np.eye(5))
    assert [path.name for path in Path("reports/pictures").iterdir()] == ["new.png"]
    with pytest.raises(LabError, match=r"^reports/pictures/old.png is missing"):
        data_url("old")
