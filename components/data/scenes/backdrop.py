"""What lies behind the objects: the signs' scenery, cut, mirrored and tinted, with distractors in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from components.data.scenes.streams import backdrop_stream
from components.data.signs import scenery

SHARED = 8
"""How many scenes are taken at one place: it costs three times what the rest of a scene does."""

Picture = NDArray[np.float32]
"""Colours ``(side, side, 3)``, 0 to 255."""

Pen = ImageDraw.ImageDraw


@lru_cache(maxsize=4)
def _place(seed: int, split: str, number: int) -> Image.Image:
    return scenery.scene(backdrop_stream(seed, split, number))


def backdrop(seed: int, split: str, number: int, side: int, rng: np.random.Generator) -> Picture:
    """Returns what lies behind scene ``number``; ``SHARED`` scenes in a row show parts of one place.

    Args:
        seed: Of the dataset.
        split: Of the scene; no place is in two splits.
        number: Of the scene.
        side: Of the picture, in pixels.
        rng: The scene's stream.
    """
    place = _place(seed, split, number // SHARED)
    reach = float(rng.uniform(0.4, 1.0)) * scenery.SIDE
    left, top = (float(v) * (scenery.SIDE - reach) for v in rng.uniform(0, 1, 2))
    picture = place.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + reach, top + reach))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    _distract(picture, rng)
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2)) * side / 128))
    tint = rng.uniform(0.85, 1.15, 3).astype(np.float32) * np.float32(rng.uniform(0.8, 1.15))
    return np.asarray(picture, np.float32) * tint


def _distract(picture: Image.Image, rng: np.random.Generator) -> None:
    """Draws up to four distractors of any colour: none is an object, so none has a box."""
    pen = ImageDraw.Draw(picture, "RGBA")
    for _ in range(int(rng.integers(0, 5))):
        shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
        colour = rng.uniform(10, 246, 3)
        red, green, blue = (int(v) for v in colour + (colour.mean() - colour) * rng.uniform(0, 0.8))
        shape(pen, rng, picture.width, (red, green, blue, int(rng.integers(150, 256))))


Colour = tuple[int, int, int, int]


def _rectangle(pen: Pen, rng: np.random.Generator, side: int, colour: Colour) -> None:
    x, y = (float(v) * side for v in rng.uniform(-0.1, 0.9, 2))
    width, height = (float(v) * side for v in rng.uniform(0.05, 0.5, 2))
    pen.rounded_rectangle((x, y, x + width, y + height), float(rng.uniform(0, 0.04)) * side, fill=colour)


def _ellipse(pen: Pen, rng: np.random.Generator, side: int, colour: Colour) -> None:
    x, y = (float(v) * side for v in rng.uniform(-0.1, 0.9, 2))
    width, height = (float(v) * side for v in rng.uniform(0.05, 0.45, 2))
    pen.ellipse((x, y, x + width, y + height), fill=colour)


def _polygon(pen: Pen, rng: np.random.Generator, side: int, colour: Colour) -> None:
    x, y = (float(v) * side for v in rng.uniform(0, 1, 2))
    angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 7)))).tolist()
    radii = (rng.uniform(0.05, 0.28, len(angles)) * side).tolist()
    pen.polygon([(x + r * math.cos(a), y + r * math.sin(a)) for a, r in zip(angles, radii, strict=True)], fill=colour)


def _bar(pen: Pen, rng: np.random.Generator, side: int, colour: Colour) -> None:
    """A post, a branch or a wire from one edge to another."""
    ends = [(float(u) * side, float(v) * side) for u, v in zip(rng.uniform(0, 1, 2), (-0.1, 1.1), strict=True)]
    if rng.random() < 0.4:
        ends = [(y, x) for x, y in ends]
    pen.line(ends, fill=colour, width=max(1, round(float(rng.uniform(0.01, 0.05)) * side)))


_SHAPES: tuple[Callable[[Pen, np.random.Generator, int, Colour], None], ...] = (_rectangle, _ellipse, _polygon, _bar)
