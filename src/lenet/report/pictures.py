"""The pictures in the report's page: arrays as PNG files in reports/pictures/, which git keeps, and as URLs.

Equal arrays give equal bytes. Drawing them needs the data; the page takes the files, so that it can be made without.
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
    """Lay tiles (n, height, width) out in rows of `columns`, with gaps of NaN between them."""
    height, width = tiles.shape[1:]
    gap = max(1, width // 9)
    rows = -(-len(tiles) // columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def mosaic_of_maps(maps: np.ndarray) -> np.ndarray:
    """Lay feature maps or filters (height, width, maps) out in two rows."""
    return mosaic(np.moveaxis(maps, -1, 0), columns=-(-maps.shape[-1] // 2))


def mosaic_of_copies(copies: np.ndarray) -> np.ndarray:
    """Lay copies of digits (digits, copies, height, width) out, a row per digit."""
    return mosaic(copies.reshape(-1, *copies.shape[2:]), columns=copies.shape[1])


def ink(pixels: np.ndarray) -> bytes:
    """Return digits, 0 = white paper to 255 = black ink, as PNG, a pixel each."""
    return _png(pixels, cmap="gray_r", vmin=0, vmax=255)


def signed(values: np.ndarray) -> bytes:
    """Return values (height, width), blue below zero and red above, as PNG; NaN is transparent."""
    limit = float(np.nanmax(np.abs(values))) or 1.0
    return _png(values, cmap="RdBu_r", vmin=-limit, vmax=limit)


def save_pictures(drawn: Mapping[str, bytes]) -> None:
    """Write reports/pictures/ anew: name → PNG."""
    with atomic_write(PICTURES) as folder:
        folder.mkdir()
        for name, png in drawn.items():
            (folder / f"{name}.png").write_bytes(png)


def data_url(name: str) -> str:
    """Return the picture of that name inside a URL; raise LabError where it is missing."""
    try:
        return as_url((PICTURES / f"{name}.png").read_bytes())
    except FileNotFoundError as error:
        raise LabError(f"{error.filename} is missing: run `dvc repro --force plot`") from None


def as_url(png: bytes) -> str:
    """Return a picture inside a URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(values: np.ndarray, cmap: str, vmin: float, vmax: float) -> bytes:
    buffer = io.BytesIO()
    no_version: dict[str, Any] = {"Software": None}
    pixels = np.asarray(values, np.float64)
    image.imsave(buffer, pixels, vmin, vmax, cmap, format="png", metadata=no_version)
    return buffer.getvalue()
