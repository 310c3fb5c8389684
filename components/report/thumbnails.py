"""Small JPEGs out of images of any size: what a page holds of the data and of the traffic."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from components.images import Pixels, decode

_USUAL = {"quality": 85}
_FINE = {"quality": 94, "subsampling": 0}


def thumbnail(data: bytes, side: int) -> bytes:
    """Returns an encoded image as JPEG whose longer side is at most ``side`` pixels.

    Raises:
        ImageError: It is no acceptable image.
    """
    return jpeg(decode(data), side)


def jpeg(pixels: Pixels, side: int, fine: bool = False) -> bytes:
    """Returns ``(H, W, 3)`` uint8 RGB as JPEG whose longer side is at most ``side`` pixels.

    A ``fine`` one keeps what an attack adds: noise, which the usual quality smoothes away.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    return _jpeg(np.asarray(image), fine)


def strip(images: Sequence[bytes], side: int, gap: int = 2) -> bytes:
    """Returns several encoded images as one JPEG: squares of ``side`` pixels side by side, ``gap`` pixels apart.

    Each image is cut to its middle square.

    Raises:
        ImageError: One of them is no acceptable image.
    """
    from PIL import Image, ImageOps

    size = (side, side)
    squares = [np.asarray(ImageOps.fit(Image.fromarray(decode(data)), size)) for data in images]
    line = np.full((side, gap, 3), 255, np.uint8)
    parts = [part for square in squares for part in (line, square)][1:]
    return _jpeg(np.concatenate(parts, axis=1))


def _jpeg(pixels: Pixels, fine: bool = False) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", optimize=True, **(_FINE if fine else _USUAL))
    return buffer.getvalue()
