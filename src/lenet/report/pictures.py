"""Save the report's pictures as PNG files in reports/pictures/, and convert PNG files to data URLs for the pages.

Equal arrays give equal files, byte for byte. Drawing the pictures needs the data. Git tracks the PNG files but not the
data, so the page can be made from the files alone.
"""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import image

from lenet.errors import LabError
from lenet.workspace import PICTURES, atomic_write


def mosaic(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Arrange tiles (n, height, width) in rows of `columns` tiles, with gaps of NaN between the tiles."""
    height, width = tiles.shape[1:]
    gap = max(1, width // 9)
    rows = -(-len(tiles) // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def mosaic_of_maps(maps: np.ndarray) -> np.ndarray:
    """Arrange feature maps or filters (height, width, maps) in two rows."""
    return mosaic(np.moveaxis(maps, -1, 0), columns=-(-maps.shape[-1] // 2))


def mosaic_of_copies(copies: np.ndarray) -> np.ndarray:
    """Arrange copies of images (images, copies, height, width) with one row per image."""
    return mosaic(copies.reshape(-1, *copies.shape[2:]), columns=copies.shape[1])


def ink(pixels: np.ndarray) -> bytes:
    """Convert an image (0 = white paper, 255 = black ink) to PNG, one pixel per value."""
    return _png(pixels, cmap="gray_r", vmin=0, vmax=255)


def signed(values: np.ndarray) -> bytes:
    """Convert values (height, width) to PNG: blue below zero, red above, transparent for NaN."""
    limit = float(np.nanmax(np.abs(values))) or 1.0
    return _png(values, cmap="RdBu_r", vmin=-limit, vmax=limit)


def save_pictures(png_by_name: Mapping[str, bytes]) -> None:
    """Replace the contents of reports/pictures/ with these pictures: name → PNG."""
    with atomic_write(PICTURES) as folder:
        folder.mkdir()
        for name, png in png_by_name.items():
            (folder / f"{name}.png").write_bytes(png)


def data_url(name: str) -> str:
    """Return a picture from reports/pictures/ as a data URL. Raise LabError if the picture is missing."""
    try:
        return as_data_url((PICTURES / f"{name}.png").read_bytes())
    except FileNotFoundError as error:
        raise LabError(f"{error.filename} is missing: run `make repro`") from None


def as_data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(values: np.ndarray, cmap: str, vmin: float, vmax: float) -> bytes:
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Software": None}
    pixels = np.asarray(values, np.float64)
    image.imsave(buffer, pixels, vmin, vmax, cmap, format="png", metadata=metadata)
    return buffer.getvalue()
