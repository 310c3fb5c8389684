"""How much of a map lies outside what the model should look at.

The AWS sample draws a "circle of interest" around the middle of an image, with a radius of 0.4 of its shorter side,
and alerts where the map, scaled to [0, 1], reaches 0.85 outside. Where the sign's box is known, it takes the circle's
place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.data.index import Row

RADIUS = 0.4
ALERT = 0.85

Map = NDArray[np.float32]


class Outside(NamedTuple):
    """What of a map lies outside the region.

    Attributes:
        share: Of the map's sum, in [0, 1]; 0 for a map of zeros.
        highest: The highest value outside, of the map scaled to [0, 1].
        alert: Whether that is 0.85 or more.
    """

    share: float
    highest: float
    alert: bool


def region(size: tuple[int, int], row: Row | None) -> NDArray[np.bool_]:
    """Returns where the sign is, ``(H, W)``.

    Args:
        size: Height and width of the map.
        row: What the dataset knows of the image; None for the circle of interest.
    """
    height, width = size
    y, x = (np.arange(height) + 0.5)[:, None], (np.arange(width) + 0.5)[None, :]
    if row is None:
        return np.hypot(y - height / 2, x - width / 2) <= RADIUS * min(height, width)
    across, down = width / row.width, height / row.height
    return (y >= row.y1 * down) & (y < row.y2 * down) & (x >= row.x1 * across) & (x < row.x2 * across)


def outside(saliency: Map, inside: NDArray[np.bool_]) -> Outside:
    """Returns what of a map ``(H, W)`` lies outside a region ``(H, W)``."""
    total = float(saliency.sum(dtype=np.float64))
    spread = float(saliency.max() - saliency.min())
    beyond = saliency[~inside]
    if not beyond.size or not spread:
        return Outside(0.0, 0.0, False)
    highest = float((beyond.max() - saliency.min()) / spread)
    return Outside(float(beyond.sum(dtype=np.float64)) / total, highest, highest >= ALERT)
