"""What the camera adds: exposure, white balance, haze, blur, noise and compression."""

from __future__ import annotations

import io
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from components.data.signs.textures import grain

Picture = NDArray[np.float32]


class Light(NamedTuple):
    """Light of one place and how the camera renders it; shared by all frames of a track."""

    exposure: float
    balance: tuple[float, float, float]
    haze: float
    sign_gain: float
    scene_gain: float


def light(rng: np.random.Generator) -> Light:
    """Draws day (most often), dull, backlit or headlight-lit conditions."""
    kind = rng.random()
    warm = rng.uniform(-0.08, 0.1)
    balance = (1 + warm, 1 + rng.uniform(-0.02, 0.03), 1 - warm)
    exposure, haze = rng.uniform(0.75, 1.12), rng.beta(1, 4) * 0.4
    if kind < 0.15:  # dusk or deep shade
        return Light(rng.uniform(0.52, 0.7), balance, haze * 0.4, 1.0, 1.0)
    if kind < 0.27:  # against the sky
        return Light(exposure, balance, haze, rng.uniform(0.55, 0.72), rng.uniform(1.05, 1.3))
    if kind < 0.35:  # night: the sheeting throws the headlights back
        return Light(rng.uniform(0.8, 1.05), balance, 0.0, 1.0, rng.uniform(0.12, 0.3))
    return Light(exposure, balance, haze, rng.uniform(0.9, 1.1), rng.uniform(0.8, 1.1))


def expose(picture: Picture, setting: Light, flicker: float) -> Picture:
    """Applies haze, exposure and white balance to colours ``(height, width, 3)``."""
    gains = np.asarray(setting.balance, np.float32) * np.float32(setting.exposure * flicker)
    veil = np.float32(setting.haze)
    return (picture * (1 - veil) + np.float32(196) * veil) * gains


def move(picture: Picture, length: float, angle: float) -> Picture:
    """Motion blur: the mean of five copies along a line of ``length`` pixels."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((4, 4), (4, 4), (0, 0)), mode="edge")
    total = np.zeros_like(picture)
    for step in (-0.5, -0.25, 0.0, 0.25, 0.5):
        x, y = 4 + round(step * length * math.cos(angle)), 4 + round(step * length * math.sin(angle))
        total += padded[y : y + height, x : x + width]
    return total * np.float32(0.2)


def noisy(picture: Picture, rng: np.random.Generator, deviation: float) -> Picture:
    """Adds grain of a standard deviation, in grey levels, stronger in the dark."""
    height, width = picture.shape[:2]
    y, x = rng.integers(0, 512 - 160, 2)
    noise = grain()[y : y + height, x : x + width].astype(np.float32)
    weight = np.float32(deviation / 64) * (np.float32(1.25) - picture * np.float32(0.5 / 255))
    return picture + noise * weight


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """Lens blur of a radius in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius)) if radius > 0.2 else image


def compressed(image: Image.Image, quality: int) -> Image.Image:
    """What JPEG leaves of the image."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0 if quality > 80 else 2)
    return Image.open(buffer).convert("RGB")
