"""One cut-out: a picture with transparent surroundings, seen from where the camera stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.data.signs.pose import Pose, plane_to_view, project
from components.errors import ImageError

VISIBLE = 128
"""The least alpha, of 255, that counts as visible: more than half."""

SMALLEST = 16
"""The least that the longer side of what is visible must have, in pixels."""

Layer = NDArray[np.uint8]
"""Premultiplied colours and alpha ``(height, width, 4)``."""


@dataclass(frozen=True, eq=False)
class CutOut:
    """What is pasted.

    Attributes:
        levels: It in ``RGBa`` (premultiplied), each half as large as the one before.
        outline: Points on the edge of what is visible, float64 ``(n, 2)``, in units: the longer side of the first
            level is 200, its centre ``(0, 0)``.
    """

    levels: tuple[Image.Image, ...]
    outline: NDArray[np.float64]


def cut_out(image: Image.Image, longest: int) -> CutOut:
    """Trims an ``RGBA`` picture to what is visible, and prepares it for pasting.

    Args:
        image: Of any size.
        longest: The most pixels that its longer side will be shown with; it is kept no larger than twice that.

    Raises:
        ImageError: Nothing, too little or everything in it is visible.
    """
    alpha = np.asarray(image.getchannel("A")) >= VISIBLE
    if alpha.all():
        raise ImageError("expected transparent surroundings, found none")
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if max(len(rows), len(columns), 0) < SMALLEST or min(len(rows), len(columns)) == 0:
        raise ImageError(f"expected something visible of {SMALLEST} pixels or more, found {len(columns)} × {len(rows)}")
    trimmed = image.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)).convert("RGBa")
    while max(trimmed.size) >= 2 * longest:
        trimmed = trimmed.reduce(2)
    levels = [trimmed]
    while max(levels[-1].size) >= 2 * SMALLEST:
        levels.append(levels[-1].reduce(2))
    return CutOut(tuple(levels), _outline(trimmed))


def _outline(image: Image.Image) -> NDArray[np.float64]:
    inside = np.asarray(image)[..., 3] >= VISIBLE
    rows = np.flatnonzero(inside.any(axis=1))
    left = inside[rows].argmax(axis=1)
    right = inside.shape[1] - inside[rows][:, ::-1].argmax(axis=1)
    # A row of pixels has an upper and a lower edge; on a slope the corner is what sticks out.
    ends = [np.stack([x, rows + edge], 1) for x in (left, right) for edge in (0, 1)]
    return (np.concatenate(ends) - np.asarray(image.size) / 2) * _units(image)


def _units(image: Image.Image) -> float:
    """Units a pixel of the first level."""
    return 200 / max(image.size)


def seen(cut: CutOut, pose: Pose, longer: float, *, stretch: float = 1.0, mirrored: bool = False) -> Layer:
    """Returns a cut-out as a camera sees it: turned, in perspective, scaled with antialiasing.

    Args:
        cut: What is seen.
        pose: From where.
        longer: The longer side of what is visible then, in pixels.
        stretch: Its width is multiplied by it, its height divided.
        mirrored: Left and right are exchanged first.
    """
    shape = np.diag([-stretch if mirrored else stretch, 1 / stretch, 1.0])
    view = plane_to_view(pose) @ shape
    points = project(view, cut.outline)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = longer / float((high - low).max())
    size = (np.ceil((high - low) * scale).astype(int) + 4).tolist()  # two pixels for soft edges on each side
    move = 2 - low * scale
    to_pixels = np.array([[scale, 0, move[0]], [0, scale, move[1]], [0, 0, 1]]) @ view
    image, pixels = _level(cut, scale * math.sqrt(abs(float(np.linalg.det(shape)))))
    to_image = np.array([[pixels, 0, image.width / 2], [0, pixels, image.height / 2], [0, 0, 1]])
    back = to_image @ np.linalg.inv(to_pixels)
    data = (back / back[2, 2]).ravel()[:8].tolist()
    return np.asarray(image.transform(tuple(size), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR))


def _level(cut: CutOut, pixels_per_unit: float) -> tuple[Image.Image, float]:
    """Returns the smallest level that still has as many pixels as are shown, and its pixels a unit."""
    level, pixels = 0, 1 / _units(cut.levels[0])
    while level < len(cut.levels) - 1 and pixels / 2 >= pixels_per_unit:
        level, pixels = level + 1, pixels / 2
    return cut.levels[level], pixels
