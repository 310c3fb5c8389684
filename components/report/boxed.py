"""Pictures with boxes drawn on them, small enough for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.images import Pixels
from components.report.thumbnails import jpeg

_INK = (16, 20, 28)
# Each stands out from daylight and night; after the eighth they come again, and the number tells classes apart.
_COLOURS = (
    *((86, 204, 255), (255, 214, 10), (255, 118, 212), (72, 232, 122), (255, 145, 61)),
    *((186, 156, 255), (255, 110, 110), (235, 235, 235)),
)


def boxed(pixels: Pixels, classes: Sequence[int], boxes: NDArray[np.floating[Any]], side: int) -> bytes:
    """Returns a picture ``(H, W, 3)`` with its boxes as JPEG, its longer side ``side`` pixels.

    Args:
        pixels: The picture.
        classes: The number of each box's class, which is written at it.
        boxes: ``(boxes, 4)`` as x1, y1, x2, y2 in pixels of the picture.
        side: Of the result; a small picture is enlarged.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    for class_id, box in zip(classes, boxes, strict=True):
        x1, y1, x2, y2 = (round(float(v) * scale) for v in box)
        right, low = max(x1 + 2, min(x2, size[0] - 1)), max(y1 + 2, min(y2, size[1] - 1))
        colour = _COLOURS[class_id % len(_COLOURS)]
        for grown, rim in ((1, _INK), (0, colour), (-1, colour)):
            pen.rectangle(
                (x1 - grown, y1 - grown, max(right + grown, x1 - grown), max(low + grown, y1 - grown)), outline=rim
            )
        text = str(class_id)
        left, top, after, below = pen.textbbox((0, 0), text, font=font)
        pen.rectangle((x1, y1, x1 + after - left + 6, y1 + below - top + 6), fill=colour, outline=_INK)
        pen.text((x1 + 3 - left, y1 + 3 - top), text, font=font, fill=_INK)
    return jpeg(np.asarray(image), side)
