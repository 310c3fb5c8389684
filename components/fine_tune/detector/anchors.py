"""Anchors that fit the training boxes: k-means on 1 − IoU (YOLO9000, Redmon and Farhadi 2016, section 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.errors import DatasetError

Sizes = NDArray[np.floating]

_ROUNDS = 100


def fit(sizes: Sizes, count: int) -> NDArray[np.float64]:
    """Returns the ``count`` anchors that overlap the boxes best, ``(count, 2)``, from small to large.

    The start is the boxes' quantiles by area, so nothing is drawn by lot; the middle of a group is its median, which
    a few huge boxes do not move.

    Args:
        sizes: Width and height of each box, ``(boxes, 2)``, in pixels of the network's input.
        count: How many.

    Raises:
        DatasetError: There are no boxes, or one without area.
    """
    if not len(sizes) or not (sizes > 0).all():
        raise DatasetError(f"expected boxes with an area to fit anchors to, found {len(sizes)}")
    ordered = np.asarray(sizes, np.float64)[np.argsort(sizes.prod(1), kind="stable")]
    anchors = ordered[((np.arange(count) + 0.5) / count * len(ordered)).astype(int)]
    groups = np.full(len(ordered), -1)
    for _ in range(_ROUNDS):
        nearest = overlap(ordered, anchors).argmax(1)
        if (nearest == groups).all():
            break
        groups = nearest
        anchors = np.stack([_middle(ordered[groups == k], anchors[k]) for k in range(count)])
    return anchors[np.argsort(anchors.prod(1), kind="stable")]


def overlap(sizes: Sizes, others: Sizes) -> NDArray[np.float64]:
    """Returns the IoU of boxes that share their centre, ``(sizes, others)``."""
    common = np.minimum(sizes[:, None], others[None]).prod(-1)
    return common / (sizes.prod(1)[:, None] + others.prod(1)[None] - common)


def _middle(group: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.median(group, axis=0) if len(group) else before
