"""Tiles of grain, leaves and bricks, drawn once from fixed streams; scenes cut and tint them.

Everything soft is enlarged with Pillow's 8-bit resampling, which computes in integers: the tiles are
the same to the last bit on every machine.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from components.data.signs.randomness import texture_stream

Plane = NDArray[np.float32]

SIDE = 256


def _smooth(rng: np.random.Generator, cells: int) -> Plane:
    """Random values on a grid of ``cells`` × ``cells``, enlarged to a seamless tile in 0 … 1."""
    grid = np.tile(rng.integers(0, 256, (cells, cells), dtype=np.uint8), (3, 3))
    big = Image.fromarray(grid).resize((3 * SIDE, 3 * SIDE), Image.Resampling.BICUBIC)
    centre = np.asarray(big.crop((SIDE, SIDE, 2 * SIDE, 2 * SIDE)), dtype=np.float32)
    return centre / np.float32(255)


@lru_cache(maxsize=8)
def clouds(number: int = 0) -> Plane:
    """Fractal value noise ``(256, 256)`` in 0 … 1, mean near one half; seamless."""
    rng = texture_stream(number)
    total = np.zeros((SIDE, SIDE), np.float32)
    weight = 1.0
    for cells in (4, 8, 16, 32, 64):
        total += np.float32(weight) * (_smooth(rng, cells) - np.float32(0.5))
        weight *= 0.55
    return np.clip(total * np.float32(0.75) + np.float32(0.5), 0, 1)


@lru_cache(maxsize=1)
def grain() -> NDArray[np.int16]:
    """Sensor noise ``(512, 512, 3)``: normal, standard deviation 64, partly common to the channels."""
    rng = texture_stream(100)
    own = rng.normal(0, 50, (512, 512, 3))
    common = rng.normal(0, 40, (512, 512, 1))
    return np.rint(own + common).astype(np.int16)


@lru_cache(maxsize=4)
def leaves(number: int = 0) -> Plane:
    """Brightness of dense foliage ``(256, 256)`` in 0 … 1."""
    rng = texture_stream(200 + number)
    tile = Image.new("L", (SIDE, SIDE), 40)
    pen = ImageDraw.Draw(tile)
    count = 1500
    places, sizes = rng.integers(-6, SIDE + 6, (count, 2)), rng.integers(3, 10 + 2 * number, (count, 2))
    for index in range(count):
        (x, y), (a, b) = places[index].tolist(), sizes[index].tolist()
        light = 30 + index * 120 // count + int(rng.integers(0, 90))
        pen.ellipse((x - a, y - b // 2 - 1, x + a, y + b // 2 + 1), fill=light)
    return np.asarray(tile, dtype=np.float32) / np.float32(255) * (np.float32(0.5) + clouds(number))


@lru_cache(maxsize=1)
def bricks() -> Plane:
    """Brightness of a brick wall ``(256, 256)`` in 0 … 1; joints are bright."""
    rng = texture_stream(300)
    tile = Image.new("L", (SIDE, SIDE), 205)
    pen = ImageDraw.Draw(tile)
    for row in range(16):
        for column in range(-1, 8):
            x, y = column * 32 + row % 2 * 16, row * 16
            pen.rectangle((x, y, x + 29, y + 13), fill=int(rng.integers(95, 150)))
    return np.asarray(tile, dtype=np.float32) / np.float32(255) * (np.float32(0.75) + np.float32(0.5) * clouds(1))


def cut(tile: Plane, rng: np.random.Generator, height: int, width: int) -> Plane:
    """A piece ``(height, width)`` of a seamless tile from a random place."""
    y, x = rng.integers(0, SIDE, 2)
    rows, columns = (y + np.arange(height)) % SIDE, (x + np.arange(width)) % SIDE
    return tile[rows][:, columns]
