"""How much boxes overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def overlap(
    one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]], crowd: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Returns the intersection over union of boxes ``(…, 4)`` with boxes ``(…, 4)``, whose shapes are broadcast.

    Args:
        one: x1, y1, x2, y2; ``boxes[:, None]`` for each with each.
        other: As ``one``.
        crowd: ``(…)``; where the other box holds a crowd, the intersection over the first box's own area, as COCO's
            evaluation takes it.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = sides.clip(0).prod(axis=-1)
    own = _areas(a)
    whole = own + _areas(b) - common
    if crowd is not None:
        whole = np.where(crowd, own, whole)
    return np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes[..., 2:] - boxes[..., :2]).clip(0).prod(axis=-1)
