"""What lies behind a sign: sky, trees, walls, streets and lights out of focus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from components.data.signs import textures
from components.data.signs.textures import Plane, cut

SIDE = 224
"""Pixels along a background."""

_HORIZON = 0.7 * SIDE

Colour = tuple[float, float, float]
Picture = NDArray[np.float32]
"""Colours ``(height, width, 3)``, 0 … 255."""

_LEAF: tuple[Colour, ...] = ((96, 132, 52), (70, 104, 48), (128, 138, 66), (52, 78, 44), (160, 118, 48), (120, 112, 92))
_WALL: tuple[Colour, ...] = ((214, 204, 182), (190, 186, 178), (168, 150, 128), (222, 220, 214), (176, 120, 96))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...], spread: float = 14.0) -> Picture:
    chosen = np.asarray(colours[int(rng.integers(len(colours)))], np.float32)
    return np.clip(chosen + rng.uniform(-spread, spread, 3).astype(np.float32), 8, 250)


def _blend(under: Picture, over: Picture, mask: Plane) -> Picture:
    weight = mask[..., None]
    return under + (over - under) * weight


def _sky(rng: np.random.Generator) -> Picture:
    blue = np.asarray((88, 138, 205), np.float32)
    pale = np.asarray((206, 218, 230), np.float32)
    overcast = np.asarray((188, 193, 198), np.float32) + np.float32(rng.uniform(-30, 40))
    dull = np.float32(rng.choice(np.asarray((0.0, 0.15, 0.6, 1.0))))
    top, bottom = blue + (overcast - blue) * dull, pale + (overcast - pale) * dull
    fall = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    gradient = top + (bottom - top) * fall
    cloud = np.clip((cut(textures.clouds(0), rng, SIDE, SIDE) - np.float32(0.5)) * np.float32(3.2), 0, 1)
    white = np.asarray((238, 240, 243), np.float32)
    return _blend(np.broadcast_to(gradient, (SIDE, SIDE, 3)), white, cloud * np.float32(rng.uniform(0.1, 0.9)))


def _foliage(rng: np.random.Generator) -> Picture:
    tile = cut(textures.leaves(int(rng.integers(3))), rng, SIDE, SIDE)
    patches = cut(textures.clouds(2), rng, SIDE, SIDE)
    second = _pick(rng, _LEAF)
    colour = _pick(rng, _LEAF) * (1 - patches[..., None]) + second * patches[..., None]
    return np.clip(colour * (np.float32(0.25) + np.float32(1.9) * tile[..., None]), 0, 255)


def _ridge(rng: np.random.Generator, level: float, rough: float) -> Plane:
    """1 below a rough horizon at ``level`` of the height, 0 above it."""
    profile = cut(textures.clouds(3), rng, 1, SIDE)[0] - np.float32(0.5)
    horizon = np.float32(level * SIDE) + profile * np.float32(rough * SIDE)
    rows = np.arange(SIDE, dtype=np.float32)[:, None]
    return np.clip((rows - horizon) / np.float32(3) + np.float32(0.5), 0, 1)


def _woods(rng: np.random.Generator) -> Picture:
    return _blend(_sky(rng), _foliage(rng), _ridge(rng, float(rng.uniform(0.2, 0.75)), float(rng.uniform(0.1, 0.6))))


def _facade(rng: np.random.Generator) -> Picture:
    plaster = np.float32(0.85) + np.float32(0.3) * cut(textures.clouds(1), rng, SIDE, SIDE)
    wall = Image.fromarray(np.clip(_pick(rng, _WALL) * plaster[..., None], 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(wall)
    across, down = int(rng.integers(44, 90)), int(rng.integers(56, 100))
    width, height = int(across * rng.uniform(0.4, 0.65)), int(down * rng.uniform(0.45, 0.65))
    glass = tuple(int(v) for v in _pick(rng, ((62, 72, 84), (38, 42, 50), (120, 134, 148))))
    frame = tuple(int(v) for v in _pick(rng, ((228, 228, 224), (92, 74, 60), (150, 150, 150))))
    left, top = int(rng.integers(-across, 1)), int(rng.integers(-down, 1))
    for x in range(left, SIDE, across):
        for y in range(top, SIDE, down):
            pen.rectangle((x, y, x + width, y + height), fill=glass, outline=frame, width=3)
            pen.line((x + width // 2, y, x + width // 2, y + height), fill=frame, width=2)
    return np.asarray(wall, dtype=np.float32)


def _brickwork(rng: np.random.Generator) -> Picture:
    tone = _pick(rng, ((208, 120, 92), (186, 134, 108), (200, 196, 186)), 20)
    return np.clip(tone * (np.float32(0.35) + cut(textures.bricks(), rng, SIDE, SIDE)[..., None]), 0, 255)


def _street(rng: np.random.Generator) -> Picture:
    picture = _sky(rng)
    houses = Image.new("L", (SIDE, SIDE), 0)
    pen, x = ImageDraw.Draw(houses), -20
    while x < SIDE:
        width, top = int(rng.integers(34, 80)), int(rng.integers(int(0.15 * SIDE), int(0.5 * SIDE)))
        pen.polygon([(x, top + 22), (x + width // 2, top), (x + width, top + 22)], fill=200)
        pen.rectangle((x, top + 22, x + width, SIDE), fill=255)
        x += width + int(rng.integers(0, 26))
    mask = np.asarray(houses, dtype=np.float32) / np.float32(255)
    picture = _blend(picture, _facade(rng) * np.float32(rng.uniform(0.6, 1.0)), mask)
    picture = _blend(picture, _foliage(rng), _ridge(rng, float(rng.uniform(0.55, 0.9)), 0.35))
    ground = np.clip((_rows() - np.float32(_HORIZON)) / np.float32(3), 0, 1)
    return _blend(picture, _road(rng), np.broadcast_to(ground, mask.shape))


def _rows() -> Plane:
    return np.arange(SIDE, dtype=np.float32)[:, None]


def _road(rng: np.random.Generator) -> Picture:
    """Asphalt with one marking that runs to a vanishing point on the horizon."""
    speckle = np.float32(0.8) + np.float32(0.4) * cut(textures.clouds(2), rng, SIDE, SIDE)
    asphalt = _pick(rng, ((112, 113, 116), (86, 86, 90), (136, 132, 126))) * speckle[..., None]
    vanishing, slope = np.float32(rng.uniform(-0.3, 1.3) * SIDE), np.float32(rng.uniform(-1.5, 1.5))
    depth = np.clip(_rows() - np.float32(_HORIZON), 0, None)
    beside = np.abs(np.arange(SIDE, dtype=np.float32)[None, :] - vanishing - depth * slope)
    marking = (beside < depth * np.float32(0.06)) & (depth > 3)
    return np.where(marking[..., None], np.float32(222), asphalt)


def _lights(rng: np.random.Generator) -> Picture:
    base = _pick(rng, ((52, 58, 66), (78, 82, 70), (70, 60, 56)), 20)
    glow = cut(textures.clouds(0), rng, SIDE, SIDE)[..., None]
    canvas = Image.fromarray(np.clip(base * (np.float32(0.3) + np.float32(1.4) * glow), 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas, "RGBA")
    for _ in range(int(rng.integers(8, 26))):
        x, y = (int(v) for v in rng.integers(0, SIDE, 2))
        r, (red, green, blue) = int(rng.integers(5, 20)), (int(v) for v in rng.integers(150, 256, 3))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(red, green, blue // 2 + 60, int(rng.integers(50, 150))))
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float32)


_SCENES: tuple[tuple[float, Callable[[np.random.Generator], Picture]], ...] = (
    (0.18, _sky),
    (0.22, _woods),
    (0.20, _foliage),
    (0.12, _facade),
    (0.08, _brickwork),
    (0.14, _street),
    (0.06, _lights),
)


def scene(rng: np.random.Generator) -> Image.Image:
    """One background, as far out of focus as the lens makes it.

    Returns:
        An RGB image ``(224, 224)``.
    """
    weights = np.asarray([weight for weight, _ in _SCENES])
    draw = _SCENES[int(rng.choice(len(_SCENES), p=weights / weights.sum()))][1]
    picture = Image.fromarray(np.clip(draw(rng), 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.6, 4.5))))
