"""Raster images of the clean signs, drawn once per class and size and kept."""

from __future__ import annotations

import io
from functools import lru_cache

import resvg_py
from PIL import Image

from components.data.signs.catalogue import sign_svg

VIEW = 104.0
"""Half the side of the SVG's view box: art pixel ``p`` of ``side`` lies at ``2 · VIEW · p / side − VIEW``."""


@lru_cache(maxsize=256)
def sign_art(class_id: int, side: int = 256) -> Image.Image:
    """The clean sign on a transparent square.

    Args:
        class_id: 0 to 42, GTSRB's order.
        side: Pixels along each side.

    Returns:
        An RGBA image ``(side, side)``; shared between callers, so copy it before you change it.

    Raises:
        InputError: There is no such class.
    """
    png = resvg_py.svg_to_bytes(svg_string=sign_svg(class_id), width=side, height=side, skip_system_fonts=True)
    return Image.open(io.BytesIO(png)).convert("RGBA")


@lru_cache(maxsize=256)
def premultiplied(class_id: int, side: int) -> Image.Image:
    """:func:`sign_art` with colours multiplied by alpha (mode ``RGBa``), as warping needs it."""
    return sign_art(class_id, side).convert("RGBa")
