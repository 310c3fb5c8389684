"""A map laid over its image, for people to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.images import Pixels

OPACITY = 0.5

# From dark violet over red to yellow: brighter is always more, also in grey and for the colour-blind.
_STOPS = np.array(
    [[13, 8, 80], [94, 2, 160], [170, 35, 148], [218, 90, 106], [246, 149, 62], [240, 249, 33]], np.float64
)


def overlay(image: Pixels, saliency: NDArray[np.float32]) -> Pixels:
    """Returns the image ``(H, W, 3)`` with the map ``(H, W)`` over it, scaled to the map's own range."""
    low, high = float(saliency.min()), float(saliency.max())
    level = (saliency - low) / (high - low) if high > low else np.zeros_like(saliency)
    at = np.linspace(0, 1, len(_STOPS))
    colours = np.stack([np.interp(level, at, _STOPS[:, channel]) for channel in range(3)], axis=-1)
    mixed = (1 - OPACITY) * image + OPACITY * colours
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
