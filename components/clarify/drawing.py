"""The pictures for people: a heat map for each explained box, and one picture with all boxes.

A heat map is the picture in grey, its segments in blue where they raise the score and in red where they lower it, the
stronger the more; the strongest bear their values. The scale under it runs to the largest value of this map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.clarify.canvas import BLUE, INK, QUIET, RED, Canvas, Colour, canvas, enlarged, lettering
from components.clarify.pictures import nearest
from components.images import Pixels
from components.report.markup import short

_LEGEND = 108  # rows under a heat map
_OPACITY = 0.8  # of the strongest segment
_NAMED = 3  # segments that bear their values
_LONGEST = 60  # characters on a plate
_FAINT = 0.2  # of the strongest: below, a segment bears none
_COARSE = 8  # pixels between those at which the middle of a segment is looked for
_YELLOW = (255, 214, 10)
_COLOURS: tuple[Colour, ...] = (
    *((255, 214, 10), (61, 220, 151), (255, 122, 89), (110, 193, 255), (255, 140, 214)),
    *((190, 242, 100), (200, 170, 255), (255, 255, 255)),
)


class Boxed(NamedTuple):
    """A box to draw ``(4,)``, in shares of the sides; what it is called; its class; whether it was explained."""

    box: NDArray[np.float64]
    text: str
    class_index: int
    explained: bool


class Ground:
    """What all drawings of one picture stand on.

    Args:
        picture: ``(H, W, 3)``.
        segments: Of each of its pixels ``(H, W)``.

    Attributes:
        picture: Enlarged, ``(h, w, 3)``.
        segments: Of it, ``(h, w)``.
        shades: The places ``(h, w)`` in a palette with 256 colours for each segment, and for the edges between them.
    """

    def __init__(self, picture: Pixels, segments: NDArray[np.int32]) -> None:
        from PIL import Image

        self.picture = enlarged(picture)
        self.segments = nearest(segments, *self.picture.shape[:2])
        grey = np.asarray(Image.fromarray(self.picture).convert("L"))
        lines = np.where(_edges(self.segments), segments.max() + np.int32(1), self.segments)
        self.shades = lines * 256 + grey


def heat_map(
    ground: Ground, values: NDArray[np.float64], box: NDArray[np.float64] | None, title: str, sums: str
) -> bytes:
    """Returns a heat map as JPEG.

    Args:
        ground: The picture and its segments.
        values: φ of each segment ``(segments,)``.
        box: The explained box ``(4,)`` in shares of the sides; None draws none.
        title: What is explained: ``1 stop 0.98``.
        sums: What the values sum up to, in words.
    """
    most = float(np.abs(values).max(initial=0.0))
    drawn = canvas(_coloured(ground, values, most), _LEGEND)
    if box is not None:
        drawn.box(box, _YELLOW)
    _name_strongest(drawn, ground.segments, values, most)
    if box is not None:
        x1, y1, _, _ = drawn.pixels(box)
        drawn.plate((x1 - 3, y1 - 4), short(title, _LONGEST), _YELLOW, INK)
    _legend(drawn, most, sums)
    return drawn.jpeg()


def objects(ground: Ground, boxes: Sequence[Boxed]) -> bytes:
    """Returns a picture with its boxes as JPEG; those that were not explained are dashed."""
    drawn = canvas(ground.picture)
    for one in reversed(boxes):  # the best on top
        colour = _COLOURS[one.class_index % len(_COLOURS)]
        x1, y1, _, _ = drawn.box(one.box, colour, dashed=not one.explained)
        drawn.plate((x1 - 3, y1 - 4), short(one.text, _LONGEST), colour, INK)
    return drawn.jpeg()


def signed(value: float) -> str:
    """Returns ``+0.31``; the sign of what is rounded to nothing is left out."""
    text = f"{value:+.2f}" if abs(value) >= 0.0995 else f"{value:+.3f}" if abs(value) >= 0.00095 else f"{value:+.1e}"
    return "0" if value == 0 else text


def _coloured(ground: Ground, values: NDArray[np.float64], most: float) -> Pixels:
    palette = _palette(np.append(values, 0.0), most, np.arange(256))
    palette[-1] = (0.5 * palette[-1] + 0.5 * 255).astype(np.uint8)  # of edges
    return np.take(palette.reshape(-1, 3), ground.shades, axis=0)


def _palette(values: NDArray[np.float64], most: float, shades: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Returns what each shade of grey becomes where a segment has a value, ``(values, shades, 3)``."""
    ground = 0.72 * shades + 0.28 * 255  # pale, so that both colours show
    opacity = _OPACITY * (np.abs(values) / most if most else np.zeros_like(values))[:, None, None]
    tint = np.where(values[:, None] > 0, np.array(BLUE), np.array(RED))[:, None]
    return np.rint((1 - opacity) * ground[:, None] + opacity * tint).astype(np.uint8)


def _edges(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    found = np.zeros(labels.shape, bool)
    found[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    found[1:] |= labels[1:] != labels[:-1]
    return found


def _name_strongest(drawn: Canvas, labels: NDArray[np.int32], values: NDArray[np.float64], most: float) -> None:
    for player in np.argsort(-np.abs(values), kind="stable")[:_NAMED]:
        if most and abs(values[player]) >= _FAINT * most:
            inside = labels[::_COARSE, ::_COARSE] == player
            if inside.any():
                drawn.label(_middle(inside), signed(float(values[player])))


def _middle(inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Returns the point x, y that lies deepest in a patch: the middle of a ring would lie in what it surrounds."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return _COARSE * (float(column) + 0.5), _COARSE * (float(row) + 0.5)


def _legend(drawn: Canvas, most: float, sums: str) -> None:
    """Draws the scale, its ends and its middle, and the sentence under it."""
    from PIL import Image

    left, right, top = 16, drawn.width - 16, drawn.height + 12
    if right - left < 60:  # a sliver of a picture
        return
    row = _palette(np.linspace(-1, 1, right - left), 1.0, np.array([128]))[:, 0]
    drawn.image.paste(Image.fromarray(np.broadcast_to(row, (16, *row.shape)).copy()), (left, top))
    drawn.draw.rectangle((left - 1, top - 1, right, top + 16), outline=QUIET)
    small = lettering(20)
    texts = (
        (left, "la", f"{signed(-most)} lowers"),
        ((left + right) // 2, "ma", "0"),
        (right, "ra", f"raises {signed(most)}"),
    )
    for x, anchor, text in texts:
        drawn.draw.text((x, top + 22), text, font=small, fill=INK, anchor=anchor)
    drawn.draw.text((left, top + 56), sums, font=small, fill=QUIET, anchor="la")
