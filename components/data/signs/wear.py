"""What years at the roadside do to a sign: fading, dirt, stickers, shadows, snow; and what it hangs on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from components.data.signs import textures
from components.data.signs.art import VIEW, sign_art
from components.data.signs.textures import Plane, cut

REACH = 156.0
"""Half the side of the assembly's canvas in the sign's own units."""
CANVAS = 312
"""Pixels along the canvas: one per unit, half as many again as the largest frame shows."""
UNIT = CANVAS / (2 * REACH)
"""Pixels per unit."""
ART = round(2 * VIEW * UNIT)
"""Pixels along the clean sign's square in the middle of the canvas."""

Layer = NDArray[np.float32]
"""Premultiplied colours and alpha ``(height, width, 4)``, 0 … 255."""


def assembly(class_id: int, rng: np.random.Generator) -> Image.Image:
    """The sign as it stands there: worn, in the light of its place, on its pole.

    Returns:
        An ``RGBa`` image (premultiplied) ``(312, 312)`` that covers −156 … 156 units both ways.
    """
    canvas = Image.new("RGBA", (CANVAS, CANVAS))
    if rng.random() < 0.6:
        _pole(canvas, rng)
    if rng.random() < 0.25:
        _neighbour(canvas, rng)
    sign = worn(class_id, rng)
    start = (CANVAS - ART) // 2
    canvas.alpha_composite(sign, (start, start))
    return canvas.convert("RGBa")


def _pixels(units: float) -> float:
    return (units + REACH) * UNIT


def _pole(canvas: Image.Image, rng: np.random.Generator) -> None:
    """A round galvanised post behind the sign; it ends a little above it, or goes on to the next one."""
    half = rng.uniform(5, 9) * UNIT
    middle = _pixels(rng.uniform(-4, 4))
    top = 0.0 if rng.random() < 0.3 else _pixels(rng.uniform(-100, -60))
    tone = rng.uniform(90, 190)
    pen = ImageDraw.Draw(canvas)
    for x in range(int(middle - half), int(middle + half) + 1):
        across = (x + 0.5 - middle) / half
        light = int(tone * (0.55 + 0.6 * math.sqrt(max(0.0, 1 - (across + 0.35) ** 2 / 1.9))))
        pen.line((x, top, x, CANVAS), fill=(light, light, min(255, light + 4), 255))


def _neighbour(canvas: Image.Image, rng: np.random.Generator) -> None:
    """Part of another sign on the same post: a white plate below, or the rim of a disc above."""
    pen = ImageDraw.Draw(canvas)
    if rng.random() < 0.6:
        x, y = _pixels(-rng.uniform(60, 100)), _pixels(rng.uniform(112, 122))
        outer = (x, y, CANVAS - x, y + 90)
        pen.rounded_rectangle(outer, 8, fill=(232, 233, 230, 255))
        pen.rounded_rectangle((x + 4, y + 4, CANVAS - x - 4, y + 86), 6, outline=(30, 30, 32, 255), width=4)
    else:
        colour = ((188, 32, 40, 255), (24, 84, 160, 255), (226, 226, 222, 255))[int(rng.integers(3))]
        y, radius = _pixels(-rng.uniform(114, 122)), 100 * UNIT
        middle = CANVAS / 2
        pen.ellipse((middle - radius, y - 2 * radius, middle + radius, y), fill=colour)


def worn(class_id: int, rng: np.random.Generator) -> Image.Image:
    """The sign alone: bleached, dirty, shaded, now and then snowed on or with stickers.

    Returns:
        An ``RGBA`` image ``(208, 208)``, transparent outside the plate.
    """
    art = np.asarray(sign_art(class_id, ART), dtype=np.float32)
    colour, alpha = art[..., :3].copy(), art[..., 3]
    colour = _faded(colour, rng)
    colour = _dirty(colour, rng)
    colour = _shaded(colour, rng)
    if rng.random() < 0.07:
        colour = _snowed(colour, rng)
    sign = Image.fromarray(np.dstack([np.clip(colour, 0, 255), alpha]).astype(np.uint8))
    if rng.random() < 0.2:
        _stick(sign, rng)
    return sign


def _faded(colour: Layer, rng: np.random.Generator) -> Layer:
    """Pigments bleach towards a pale grey, and white yellows."""
    bleach = np.float32(rng.beta(1.2, 4) * 0.55)
    sums = colour[..., :1] + colour[..., 1:2] + colour[..., 2:]
    grey = sums * np.float32(0.8 / 3) + np.float32(45)
    yellowed = np.asarray((1.0, rng.uniform(0.95, 1.0), rng.uniform(0.86, 1.0)), np.float32)
    return (colour + (grey - colour) * bleach) * yellowed


def _dirty(colour: Layer, rng: np.random.Generator) -> Layer:
    """Grime in clouds and in streaks that run down."""
    clouds = cut(textures.clouds(int(rng.integers(4))), rng, ART, ART)
    streaks = cut(textures.clouds(1), rng, 16, ART)
    rows = np.linspace(0, 15, ART).astype(np.intp)
    grime = np.clip((clouds - np.float32(0.35)) * np.float32(1.6), 0, 1) * np.float32(rng.beta(1.2, 3) * 0.6)
    grime += np.clip((streaks[rows] - np.float32(0.5)) * 2, 0, 1) * np.float32(rng.beta(1, 4) * 0.7)
    mud = np.asarray((92, 82, 66), np.float32)
    return colour + (mud - colour) * np.clip(grime, 0, 0.5)[..., None]


def _edge(rng: np.random.Generator, softness: float) -> Plane:
    """0 on one side of a random line through the sign, 1 on the other."""
    angle, offset = rng.uniform(0, 2 * math.pi), rng.uniform(-0.55, 0.55)
    axis = np.linspace(-1, 1, ART, dtype=np.float32)
    distance = axis[None, :] * np.float32(math.cos(angle)) + axis[:, None] * np.float32(math.sin(angle))
    return np.clip((distance - np.float32(offset)) / np.float32(softness) + np.float32(0.5), 0, 1)


def _shaded(colour: Layer, rng: np.random.Generator) -> Layer:
    """A slow fall of light over the plate, and now and then the shadow of a house or a tree."""
    shade = np.float32(1) - _edge(rng, 2.4) * np.float32(rng.uniform(0, 0.25))
    kind = rng.random()
    if kind < 0.15:
        shade = shade * (
            np.float32(1) - _edge(rng, float(rng.uniform(0.03, 0.2))) * np.float32(rng.uniform(0.25, 0.45))
        )
    elif kind < 0.3:
        dapple = np.clip((cut(textures.clouds(2), rng, ART, ART) - np.float32(0.5)) * 8, 0, 1)
        shade = shade * (np.float32(1) - dapple * np.float32(rng.uniform(0.2, 0.45)))
    return colour * shade[..., None]


def _snowed(colour: Layer, rng: np.random.Generator) -> Layer:
    """Wet snow along the upper edge."""
    rough = cut(textures.clouds(3), rng, ART, ART)
    rows = np.linspace(0, 1, ART, dtype=np.float32)[:, None]
    depth = np.float32(rng.uniform(0.14, 0.24)) + (rough - np.float32(0.5)) * np.float32(0.25)
    cover = np.clip((depth - rows) * 25, 0, 1)
    white = np.asarray((236, 239, 244), np.float32) * (np.float32(0.9) + np.float32(0.15) * rough[..., None])
    return colour + (white - colour) * cover[..., None]


def _stick(sign: Image.Image, rng: np.random.Generator) -> None:
    """One or two small stickers; they keep to the plate by its alpha."""
    layer = Image.new("RGBA", sign.size)
    pen = ImageDraw.Draw(layer)
    for _ in range(int(rng.integers(1, 3))):
        x, y = (rng.uniform(-0.33, 0.33, 2) + 0.5) * ART
        half, angle = ART * rng.uniform(0.025, 0.055), rng.uniform(0, math.pi)
        colour = tuple(int(v) for v in rng.integers(30, 240, 3))
        if rng.random() < 0.4:
            pen.ellipse((x - half, y - half, x + half, y + half), fill=(*colour, 235))
            continue
        corners = [
            (x + half * 1.5 * math.cos(angle + t), y + half * 1.5 * math.sin(angle + t))
            for t in (0.5, 2.64, 3.64, 5.78)
        ]
        pen.polygon(corners, fill=(*colour, 235))
    alpha = sign.getchannel("A")
    sign.alpha_composite(layer.filter(ImageFilter.GaussianBlur(0.6)))
    sign.putalpha(alpha)
