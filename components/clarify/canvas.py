"""Drawing on enlarged pictures: boxes that show on any ground, texts with a rim, pictures as JPEG."""

from __future__ import annotations

import io
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.images import Pixels

SIDE = 640
"""The longer side that pictures are drawn at; smaller ones are enlarged."""

BLUE, RED = (31, 95, 214), (214, 48, 30)
WHITE, INK, QUIET = (255, 255, 255), (22, 32, 46), (84, 97, 116)

Colour = tuple[int, int, int]


class Canvas(NamedTuple):
    """A picture being drawn on.

    Attributes:
        image: Pillow's, with ``below`` rows under the picture.
        draw: Pillow's.
        width: Of the picture in it.
        height: Of the picture in it.
    """

    image: Any
    draw: Any
    width: int
    height: int

    def box(self, box: NDArray[np.float64], colour: Colour, dashed: bool = False) -> tuple[int, int, int, int]:
        """Draws a box ``(4,)`` in shares of the sides, in a colour between dark rims; returns its pixels."""
        x1, y1, x2, y2 = self.pixels(box)
        for grown, rim in ((0, INK), (1, colour), (2, colour), (3, colour), (4, INK)):
            edges = (x1 - grown, y1 - grown, x2 + grown, y2 + grown)
            if dashed and rim == colour:
                self._dashes(edges, colour)
            else:
                self.draw.rectangle(edges, outline=rim)
        return x1, y1, x2, y2

    def pixels(self, box: NDArray[np.float64]) -> tuple[int, int, int, int]:
        """Returns a box in shares of the sides in pixels of the canvas, with room for its rim."""
        scale = (self.width, self.height, self.width, self.height)
        x1, y1, x2, y2 = (round(float(v) * s) for v, s in zip(box, scale, strict=True))
        x1, y1 = min(max(x1, 4), self.width - 8), min(max(y1, 4), self.height - 8)
        return x1, y1, max(x1 + 3, min(x2, self.width - 5)), max(y1 + 3, min(y2, self.height - 5))

    def plate(self, at: tuple[int, int], text: str, ground: Colour, ink: Colour = WHITE) -> None:
        """Writes a text on a plate whose lower left corner is ``at``, moved to where it fits."""
        font = lettering(23)
        left, top, right, bottom = self.draw.textbbox((0, 0), text, font=font)
        wide, high = right - left + 14, bottom - top + 11
        x = max(0, min(at[0], self.width - wide))
        y = at[1] - high if at[1] - high >= 0 else min(at[1] + 1, self.height - high)
        self.draw.rectangle((x, y, x + wide, y + high), fill=ground, outline=INK)
        self.draw.text((x + 7 - left, y + 6 - top), text, font=font, fill=ink)

    def label(self, middle: tuple[float, float], text: str, size: int = 25) -> None:
        """Writes a text with a rim about a point, moved to where it fits."""
        font = lettering(size)
        left, top, right, bottom = self.draw.textbbox((0, 0), text, font=font, stroke_width=3)
        x = min(max(middle[0] - (right - left) / 2, 2), self.width - (right - left) - 2)
        y = min(max(middle[1] - (bottom - top) / 2, 2), self.height - (bottom - top) - 2)
        where = (x - left, y - top)
        self.draw.text(where, text, font=font, fill=WHITE, stroke_width=3, stroke_fill=INK)

    def jpeg(self) -> bytes:
        """Returns it as JPEG."""
        buffer = io.BytesIO()
        self.image.save(buffer, "JPEG", quality=85)
        return buffer.getvalue()

    def _dashes(self, edges: tuple[int, int, int, int], colour: Colour) -> None:
        x1, y1, x2, y2 = edges
        for x in range(x1, x2, 14):
            for y in (y1, y2):
                self.draw.line((x, y, min(x + 7, x2), y), fill=colour)
        for y in range(y1, y2, 14):
            for x in (x1, x2):
                self.draw.line((x, y, x, min(y + 7, y2)), fill=colour)


def canvas(picture: Pixels, below: int = 0) -> Canvas:
    """Returns a canvas with a picture on it and ``below`` white rows under it."""
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    image = Image.new("RGB", (width, height + below), WHITE)
    image.paste(Image.fromarray(picture), (0, 0))
    return Canvas(image, ImageDraw.Draw(image), width, height)


def enlarged(picture: Pixels) -> Pixels:
    """Returns a picture ``(H, W, 3)`` whose longer side is ``SIDE``, its shorter at least 24 pixels."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(24, round(width * scale)), max(24, round(height * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


@cache
def lettering(size: int) -> Any:
    """Returns Pillow's own typeface."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
