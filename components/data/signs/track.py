"""A track: one physical sign at its place, and everything about it that all its frames share."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from components.data.signs import camera
from components.data.signs.pose import Pose
from components.data.signs.randomness import track_stream
from components.data.signs.scenery import scene
from components.data.signs.wear import assembly

SMALLEST, LARGEST = 48, 160
"""Bounds of a frame's sides, in pixels."""


class Track(NamedTuple):
    """What the frames of one sign have in common.

    Attributes:
        plates: The sign on its post (``wear.assembly``) at full, half and quarter size.
        background: What lies behind it.
        twig: Leaves in front of it, if any.
        light: Light of the place.
        first: Longer side of the first frame, in pixels.
        last: Longer side of the last frame.
        near: Pose in the last frame.
        far: Pose in the first frame.
        drift: How the background moves against the sign, −1 … 1 across and down.
        blur: Lens blur in pixels of a frame of 96 px.
        motion: Length of the motion blur in pixels of a frame of 96 px.
        direction: Direction of the motion blur, in radians.
        noise: Standard deviation of the sensor's noise, in grey levels.
        quality: JPEG quality.
    """

    plates: tuple[Image.Image, ...]
    background: Image.Image
    twig: Image.Image | None
    light: camera.Light
    first: int
    last: int
    near: Pose
    far: Pose
    drift: tuple[float, float]
    blur: float
    motion: float
    direction: float
    noise: float
    quality: int


def _poses(rng: np.random.Generator) -> tuple[Pose, Pose]:
    """The pose far away, and the stronger one when the car is about to pass."""
    yaw, pitch, roll = rng.normal(0, 9), rng.normal(0, 4), float(np.clip(rng.normal(0, 3.5), -9, 9))
    nearer = rng.uniform(1.0, 1.7)
    far = Pose(float(np.clip(yaw, -20, 20)), float(np.clip(pitch, -9, 9)), roll, 9.0)
    near = Pose(float(np.clip(yaw * nearer, -32, 32)), float(np.clip(pitch * nearer, -14, 14)), roll, 5.0)
    return near, far


def _twig(rng: np.random.Generator) -> Image.Image:
    """Leaves that reach into the picture from one of its sides: an ``RGBA`` image ``(160, 160)``."""
    side = 160
    layer = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(layer)
    angle = rng.uniform(0, 2 * math.pi)
    x0, y0 = side / 2 + 88 * math.cos(angle), side / 2 + 88 * math.sin(angle)
    tone = rng.uniform(0.5, 1.1)
    for _ in range(int(rng.integers(10, 26))):
        x, y = x0 + rng.normal(0, 20), y0 + rng.normal(0, 20)
        length, turn = rng.uniform(6, 14), rng.uniform(0, math.pi)
        dx, dy = length * math.cos(turn), length * math.sin(turn)
        corners = [(x - dx, y - dy), (x - dy * 0.4, y + dx * 0.4), (x + dx, y + dy), (x + dy * 0.4, y - dx * 0.4)]
        shade = tone * rng.uniform(0.7, 1.2)
        pen.polygon(corners, fill=(int(84 * shade), int(118 * shade), int(46 * shade), 255))
    return layer.filter(ImageFilter.GaussianBlur(1.0))


@lru_cache(maxsize=32)
def track_of(seed: int, class_id: int, track: int) -> Track:
    """Draws a track; a pure function of its arguments, kept because its frames follow one another."""
    rng = track_stream(seed, class_id, track)
    plate = assembly(class_id, rng)
    near, far = _poses(rng)
    return Track(
        plates=(plate, plate.reduce(2), plate.reduce(4)),
        background=scene(rng),
        twig=_twig(rng) if rng.random() < 0.15 else None,
        light=camera.light(rng),
        first=int(rng.integers(SMALLEST, 65)),
        last=int(rng.integers(112, LARGEST + 1)),
        near=near,
        far=far,
        drift=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
        blur=float(rng.uniform(0.2, 1.0)),
        motion=float(rng.beta(1, 2.5) * 2.8),
        direction=float(rng.uniform(0, math.pi)),
        noise=float(rng.uniform(1.5, 6.5)),
        quality=int(rng.integers(70, 96)),
    )
