"""What an attack changed, made visible: the difference of two images, enlarged by a stated factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.images import Pixels

FACTORS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
_CLIPPED = 0.01  # share of the channels that may leave the range


class Lengths(NamedTuple):
    """Of a difference: Euclidean and largest, in pixels of [0, 1]."""

    l2: float
    linf: float


def difference(original: Pixels, attacked: Pixels) -> NDArray[np.int16]:
    """Returns ``attacked - original`` of two images ``(H, W, 3)``.

    Raises:
        ValueError: They differ in size.
    """
    if original.shape != attacked.shape:
        raise ValueError(f"expected two images of one size, found {original.shape} and {attacked.shape}")
    return attacked.astype(np.int16) - original.astype(np.int16)


def lengths(found: NDArray[np.int16]) -> Lengths:
    """Returns the lengths of a difference ``(H, W, 3)``."""
    scaled = found.astype(np.float64) / 255
    return Lengths(float(np.sqrt(np.square(scaled).sum())), float(np.abs(scaled).max(initial=0.0)))


def factor(found: Sequence[NDArray[np.int16]]) -> int:
    """Returns the largest factor by which at most 1 % of the channels of all differences leave the range."""
    sizes = np.concatenate([np.abs(one).ravel() for one in found]) if found else np.zeros(1, np.int16)
    return max((k for k in FACTORS if float((sizes * np.int32(k) > 127).mean()) <= _CLIPPED), default=1)


def shown(found: NDArray[np.int16], k: int) -> Pixels:
    """Returns a difference ``(H, W, 3)``, enlarged ``k`` times, around a middle grey that stands for no change."""
    enlarged: Pixels = np.clip(128 + found.astype(np.int32) * k, 0, 255).astype(np.uint8)
    return enlarged
