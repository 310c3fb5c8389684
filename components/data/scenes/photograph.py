"""From objects in their places to the encoded picture: pasted, lit, blurred, grainy, compressed."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from components.data.scenes.backdrop import Picture
from components.data.scenes.layout import Placed
from components.data.scenes.stock import Manner
from components.data.signs import camera, textures
from components.images import Pixels


def painted(behind: Picture, placed: Sequence[Placed], manner: Manner, rng: np.random.Generator) -> Picture:
    """Returns the scene in the light of its place, colours ``(side, side, 3)`` of 0 to 255.

    All posts are painted before the first object: a post hides no object.
    """
    light = camera.light(rng)
    scene_gain, gain = (light.scene_gain, light.sign_gain) if manner.reflects else (1.0, 1.0)
    picture = behind * np.float32(scene_gain)
    for one in placed:
        _post(picture, one, float(rng.uniform(70, 180)) * scene_gain)
    for one in placed:
        _paste(picture, one, gain * float(rng.uniform(0.75, 1.15)), float(rng.uniform(-15, 15)))
    return camera.expose(np.clip(picture, 0, 255), light, 1.0)


def photographed(picture: Picture, rng: np.random.Generator) -> Pixels:
    """Returns what a camera makes of a scene: motion blur now and then, lens blur, grain; uint8 ``(side, side, 3)``."""
    side = picture.shape[0]
    soft = np.clip(picture, 0, 255)
    if rng.random() < 0.2:
        soft = camera.move(soft, min(float(rng.uniform(1.5, 3.5)) * side / 128, 7.0), float(rng.uniform(0, math.pi)))
    blurred = camera.blurred(Image.fromarray(soft.astype(np.uint8)), float(rng.uniform(0, 0.8)) * side / 128)
    grainy = _grainy(np.asarray(blurred, np.float32), float(rng.uniform(0.5, 6.0)), rng)
    return np.clip(grainy + np.float32(0.5), 0, 255).astype(np.uint8)


def encoded(pixels: Pixels, rng: np.random.Generator) -> bytes:
    """Returns the picture as a JPEG of some quality from 82 to 96; the same pixels and stream give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(82, 97)), subsampling=0)
    return buffer.getvalue()


def _post(picture: Picture, one: Placed, tone: float) -> None:
    if not one.post:
        return
    height, width = one.layer.shape[:2]
    middle, side = one.x + width // 2, picture.shape[0]
    columns = np.arange(max(middle - one.post // 2, 0), min(middle - one.post // 2 + one.post, side))
    across = (columns + 0.5 - middle) / one.post  # a round post: bright on its left
    picture[max(one.y + height // 2, 0) :, columns] = (tone * (1.15 - 0.6 * (across + 0.3) ** 2))[:, None]


def _paste(picture: Picture, one: Placed, gain: float, shift: float) -> None:
    there, here = one.slices(picture.shape[0])
    layer = one.layer[here].astype(np.float32)
    cover = layer[..., 3:] / np.float32(255)
    colours = layer[..., :3] * np.float32(gain) + cover * np.float32(shift)
    picture[there] = picture[there] * (1 - cover) + colours


def _grainy(picture: Picture, deviation: float, rng: np.random.Generator) -> Picture:
    """Adds the camera's grain, in grey levels, to a picture of any size; stronger in the dark."""
    tile = textures.grain()
    rows, columns = (
        (int(rng.integers(length)) + np.arange(side)) % length
        for side, length in zip(picture.shape[:2], tile.shape[:2], strict=True)
    )
    noise = tile[rows][:, columns].astype(np.float32)
    return picture + noise * np.float32(deviation / 64) * (np.float32(1.25) - picture * np.float32(0.5 / 255))
