"""Arrays as pictures for the report: tiles laid out, PNG inside a URL. Equal arrays give equal bytes."""

import base64
import io
from typing import Any

import numpy as np
from matplotlib import image


def mosaic(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Lay tiles (n, height, width) out in rows of `columns`, with gaps of NaN between them."""
    height, width = tiles.shape[1:]
    gap = max(1, width // 9)
    rows = -(-len(tiles) // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def ink(pixels: np.ndarray) -> str:
    """Return digits, 0 = white paper to 255 = black ink, as a PNG's data: URL, a pixel each."""
    return _data_url(pixels, cmap="gray_r", vmin=0, vmax=255)


def signed(values: np.ndarray) -> str:
    """Return values (height, width), blue below zero and red above, as a PNG's data: URL; NaN is transparent."""
    limit = float(np.nanmax(np.abs(values))) or 1.0
    return _data_url(values, cmap="RdBu_r", vmin=-limit, vmax=limit)


def _data_url(values: np.ndarray, cmap: str, vmin: float, vmax: float) -> str:
    buffer = io.BytesIO()
    no_version: dict[str, Any] = {"Software": None}
    pixels = np.asarray(values, np.float64)
    image.imsave(buffer, pixels, vmin, vmax, cmap, format="png", metadata=no_version)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
