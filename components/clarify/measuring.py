"""Whether the segments that made a box lie on the object: one number a box, and what chance would give.

How much of a segment lies on an object is measured by their overlap coefficient (Szymkiewicz and Simpson), the pixels
they share over the pixels of the smaller one: a small object may lie in one segment, and a small segment in one object,
and either is on the object then.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.clarify.segments import window

STRONGEST = 3
ON = 0.5
"""A segment lies on the object if it shares at least this part of the smaller of both."""


class OnObject(NamedTuple):
    """How a box's values lie about its object.

    Attributes:
        top: Whether the segment with the largest value lies on it; False where no value is over 0.
        share: Of the three largest values over 0, the part that lies on it, each segment by its overlap; 0 of none.
        chance: The probability that a segment drawn by lot lies on it.
    """

    top: bool
    share: float
    chance: float


def shares(segments: NDArray[np.int32], count: int, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the overlap coefficient of each segment ``(count,)`` with a box ``(4,)`` in shares of the sides.

    Args:
        segments: The segment of each pixel ``(H, W)``.
        count: Segments there are; one without a pixel has 0.
        box: x1, y1, x2, y2.
    """
    inside = segments[window(box, *segments.shape)]
    common = np.bincount(inside.reshape(-1), minlength=count)
    sizes = np.bincount(segments.reshape(-1), minlength=count)
    found: NDArray[np.float64] = common / np.maximum(np.minimum(sizes, inside.size), 1)
    return found


def measure(values: NDArray[np.float64], overlaps: NDArray[np.float64]) -> OnObject:
    """Returns how the values ``(segments,)`` of a box lie about an object, by the ``shares`` of it ``(segments,)``."""
    strongest = [int(i) for i in np.argsort(-values, kind="stable")[:STRONGEST] if values[i] > 0]
    chance = float((overlaps >= ON).mean())
    if not strongest:
        return OnObject(False, 0.0, chance)
    share = float((values[strongest] * overlaps[strongest]).sum() / values[strongest].sum())
    return OnObject(bool(overlaps[strongest[0]] >= ON), share, chance)
