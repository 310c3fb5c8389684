"""Frames of tracks: one physical sign, seen again and again while the car comes nearer."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.data.signs import camera
from components.data.signs.catalogue import CLASSES
from components.data.signs.pose import Pose, View, framed
from components.data.signs.randomness import LARGEST, checked, frame_stream
from components.data.signs.scenery import SIDE
from components.data.signs.track import Track, track_of
from components.data.signs.wear import REACH, UNIT

FRAMES = 30
"""Frames of a GTSRB track."""


class Rendered(NamedTuple):
    """One frame.

    Attributes:
        image: Colours, uint8 ``(height, width, 3)``, RGB; each side 48 to 160.
        box: First and last column and row of the sign, ``(x1, y1, x2, y2)``, inclusive, as GTSRB's
            ``Roi``.
    """

    image: NDArray[np.uint8]
    box: tuple[int, int, int, int]


def _side(track: Track, nearness: float) -> int:
    """The picture's longer side: a sign's size is the inverse of its distance, which falls steadily."""
    return round(1 / ((1 - nearness) / track.first + nearness / track.last))


def _pose(track: Track, nearness: float, rng: np.random.Generator) -> Pose:
    """The pose on the way from far to near, shaken a little by the road."""
    shake = (*rng.normal(0, 0.8, 3).tolist(), 0.0)
    return Pose(*(f + (n - f) * nearness + s for f, n, s in zip(track.far, track.near, shake, strict=True)))


def _warped(track: Track, view: View) -> NDArray[np.float32]:
    """The sign with its post in the picture, premultiplied ``(height, width, 4)``."""
    pixels_per_unit = math.sqrt(abs(float(np.linalg.det(view.homography))))
    level = 0
    while level < len(track.plates) - 1 and UNIT / 2 ** (level + 1) >= pixels_per_unit:
        level += 1
    scale = UNIT / 2**level
    to_canvas = np.array([[scale, 0, REACH * scale], [0, scale, REACH * scale], [0, 0, 1]])
    back = to_canvas @ np.linalg.inv(view.homography)
    data = (back / back[2, 2]).ravel()[:8].tolist()
    size = (view.width, view.height)
    warped = track.plates[level].transform(size, Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)
    return np.asarray(warped, dtype=np.float32)


def _behind(track: Track, view: View, nearness: float) -> NDArray[np.float32]:
    """The background: the nearer the sign, the more of it lies within the sign's surroundings."""
    reach = (0.5 + 0.5 * nearness) * SIDE
    room = SIDE - reach
    x, y = ((0.5 + 0.5 * d * (1 - nearness)) * room for d in track.drift)
    size = (view.width, view.height)
    piece = track.background.resize(size, Image.Resampling.BILINEAR, box=(x, y, x + reach, y + reach))
    return np.asarray(piece, dtype=np.float32)


def _over(picture: NDArray[np.float32], twig: Image.Image, view: View) -> NDArray[np.float32]:
    layer = np.asarray(twig.resize((view.width, view.height), Image.Resampling.BILINEAR), dtype=np.float32)
    return picture + (layer[..., :3] - picture) * (layer[..., 3:] / np.float32(255))


def _photographed(picture: NDArray[np.float32], track: Track, rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    picture = camera.expose(picture, track.light, float(rng.uniform(0.96, 1.04)))
    scale = side / 96
    length = track.motion * scale * float(rng.uniform(0.6, 1.2))
    if length >= 1.5:
        picture = camera.move(np.clip(picture, 0, 255), min(length, 7.0), track.direction + float(rng.normal(0, 0.2)))
    soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    soft = camera.blurred(soft, track.blur * float(rng.uniform(0.7, 1.2)) * scale)
    grainy = camera.noisy(np.asarray(soft, dtype=np.float32), rng, track.noise)
    image = Image.fromarray(np.clip(grainy + np.float32(0.5), 0, 255).astype(np.uint8))
    return np.array(camera.compressed(image, track.quality + int(rng.integers(-4, 5))))


def render_frame(class_id: int, track: int, frame: int, *, seed: int, frames: int = FRAMES) -> Rendered:
    """Renders one frame of one track: a pure function of its arguments, the same bits every time.

    Args:
        class_id: 0 to 42, GTSRB's order.
        track: Number of the physical sign within its class.
        frame: Number of the frame, 0 (far away) to ``frames`` − 1 (near).
        seed: Chooses the whole world: another seed, other places and other wear.
        frames: Length of the track. A track of one frame shows the sign near.

    Returns:
        The picture, 48 to 160 px along each side, and the sign's box in it.

    Raises:
        InputError: An argument is out of its range.
    """
    class_id = checked("sign class", class_id, 0, CLASSES - 1)
    track, seed = checked("track", track, 0, LARGEST), checked("seed", seed, 0, LARGEST)
    frame = checked("frame", frame, 0, checked("frames", frames, 1, LARGEST) - 1)
    shared, rng = track_of(seed, class_id, track), frame_stream(seed, class_id, track, frame)
    nearness = frame / (frames - 1) if frames > 1 else 1.0
    side = _side(shared, nearness)
    view = framed(class_id, _pose(shared, nearness, rng), side, tuple(rng.uniform(-1, 1, 2).tolist()))
    sign = _warped(shared, view)
    cover = np.float32(1) - sign[..., 3:] / np.float32(255)
    scene_gain, sign_gain = np.float32(shared.light.scene_gain), np.float32(shared.light.sign_gain)
    picture = _behind(shared, view, nearness) * scene_gain * cover + sign[..., :3] * sign_gain
    if shared.twig is not None:
        picture = _over(picture, shared.twig, view)
    return Rendered(_photographed(picture, shared, rng, side), view.box)
