"""The value of a detected box in a masked picture, and which rows of an answer count.

A box's value is the best score among the picture's detections of its class whose overlap (intersection over union) with
it reaches ``iou_threshold``, else 0 (AWS, ImageConfig). So an object that vanishes, moves away, or turns into something
else is worth 0, and of one that falls into two parts the better part counts, if it still overlaps enough.

Rows are ``[class, score, x1, y1, x2, y2]`` with coordinates as shares of width and height. A row that cannot be a
detection is left out and counted by its reason, never corrected in silence; class -1 is padding and no fault.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.boxes import overlap

Rows = NDArray[np.float32]

TOLERANCE = 1e-6
"""Overlaps this far below the threshold reach it: coordinates travel in float32."""

OUTSIDE = 1e-3
"""Coordinates this far outside the picture are cut to it: a box at the edge, and rounding."""

PIXELS = "in_pixels"


class Detections(NamedTuple):
    """Detections of one picture, best first.

    Attributes:
        classes: int64 ``(boxes,)``.
        scores: float64 ``(boxes,)``, in [0, 1].
        boxes: float64 ``(boxes, 4)`` as x1, y1, x2, y2, shares of width and height.
    """

    classes: NDArray[np.int64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.classes)

    def best(self, threshold: float, most: int) -> Detections:
        """Returns the ``most`` best with a score of at least ``threshold``; of equals the first."""
        return self.only(np.flatnonzero(self.scores >= threshold)[:most])

    def only(self, kept: int | NDArray[Any]) -> Detections:
        """Returns some of them, by position, positions, or a mask ``(boxes,)``."""
        index = np.atleast_1d(kept)
        return Detections(self.classes[index], self.scores[index], self.boxes[index])


def usable(rows: Rows, dropped: Counter[str] | None = None) -> NDArray[np.bool_]:
    """Returns which rows ``(…,)`` of an answer ``(…, 6)`` are detections.

    Args:
        rows: Of any number of pictures.
        dropped: Counts rows that are no detections and no padding, by what is wrong with them first.
    """
    if not rows.size:
        return np.zeros(rows.shape[:-1], bool)
    with np.errstate(invalid="ignore"):
        kind, score = rows[..., 0], rows[..., 1]
        x1, y1, x2, y2 = (rows[..., i] for i in range(2, 6))
        faults = {
            "not_finite": ~np.isfinite(rows).all(axis=-1),
            "no_class": (kind < 0) | (kind != np.floor(kind)) | (kind > 2**24),
            "score_outside_0_1": (score < 0) | (score > 1),
            "no_area": (x2 <= x1) | (y2 <= y1),
            PIXELS: np.maximum.reduce([x1, y1, x2, y2]) > 2,
            "outside": (np.minimum(x1, y1) < -OUTSIDE) | (np.maximum(x2, y2) > 1 + OUTSIDE),
        }
        good = kind != -1
    for name, wrong in faults.items():
        if dropped is not None and (found := int((good & wrong).sum())):
            dropped[name] += found
        good = good & ~wrong
    return good


def detections(rows: Rows, dropped: Counter[str] | None = None) -> Detections:
    """Returns the detections of one picture's answer ``(N, 6)``, best first; others are left out and counted."""
    kept = rows[usable(rows, dropped)].astype(np.float64)
    kept = kept[np.argsort(-kept[:, 1], kind="stable")]
    return Detections(kept[:, 0].astype(np.int64), kept[:, 1], np.clip(kept[:, 2:], 0, 1))


def values(
    rows: Rows, wanted: Detections, threshold: float, dropped: Counter[str] | None = None
) -> NDArray[np.float64]:
    """Returns the value of each box in each picture ``(pictures, boxes)``.

    Args:
        rows: Answers ``(pictures, N, 6)``, padded with class -1.
        wanted: The boxes that are explained.
        threshold: ``iou_threshold``; an overlap of exactly that counts.
        dropped: Counts rows that are no detections.
    """
    if not rows.shape[1] or not len(wanted):
        return np.zeros((len(rows), len(wanted)))
    same = (rows[:, :, None, 0] == wanted.classes) & usable(rows, dropped)[..., None]  # (pictures, N, boxes)
    picture, row, box = np.nonzero(same)
    found = np.zeros((len(rows), len(wanted)))
    near = overlap(np.clip(rows[picture, row, 2:], 0, 1), wanted.boxes[box]) >= threshold - TOLERANCE
    picture, row, box = picture[near], row[near], box[near]
    np.maximum.at(found, (picture, box), rows[picture, row, 1])
    return found
