"""What each detection hit: the matching rules of VOC and of COCO, class by class, in NumPy alone.

Boxes are ``x1, y1, x2, y2`` in pixels of the picture, right and lower edge excluded, and need not be whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from components.boxes import overlap
from components.data.scenes.dataset import Objects

Boxes = NDArray[np.floating]

HIT, MISS, IGNORED = 1, 0, -1

COCO_DETECTIONS = 100
"""Detections of a class and picture that COCO looks at, the best ones (``maxDets``)."""


@dataclass(frozen=True)
class Detections:
    """What a detector found in a picture.

    Attributes:
        class_ids: int32 ``(detections,)``.
        scores: float32 ``(detections,)``.
        boxes: float32 ``(detections, 4)``.
    """

    class_ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.class_ids)


@dataclass(frozen=True)
class Matches:
    """The detections of one class in all pictures, best first, and what became of each.

    Attributes:
        scores: ``(detections,)``, falling.
        pictures: ``(detections,)``, the picture's number.
        outcomes: int8 ``(thresholds, detections)``: ``HIT``, ``MISS`` or ``IGNORED``.
        positives: ``(pictures,)``, objects that were to be found.
    """

    scores: NDArray[np.float32]
    pictures: NDArray[np.int64]
    outcomes: NDArray[np.int8]
    positives: NDArray[np.int64]


def voc(truths: Sequence[Objects], found: Sequence[Detections], class_id: int, threshold: float = 0.5) -> Matches:
    """Matches as VOC's devkit does.

    Each detection belongs to the object that it overlaps most. The first one on an object is a hit, later ones miss;
    one on a difficult object (here, a crowd too) is ignored. The PASCAL Visual Object Classes Challenge, Everingham et
    al. 2010, section 4.2.2.

    Args:
        truths: What is in each picture.
        found: What was found in it.
        class_id: The class that is judged.
        threshold: Intersection over union from which on a detection belongs to an object.
    """

    def match(truth: Objects, boxes: Boxes, own: NDArray[np.bool_]) -> NDArray[np.int8]:
        ignored, taken = (truth.difficult | truth.crowd)[own], np.zeros(int(own.sum()), bool)
        outcomes = np.full((1, len(boxes)), MISS, np.int8)
        overlaps = overlap(boxes[:, None], truth.boxes[own])
        for i in range(len(boxes) if len(taken) else 0):
            best = int(overlaps[i].argmax())
            if overlaps[i, best] >= threshold:
                outcomes[0, i] = IGNORED if ignored[best] else MISS if taken[best] else HIT
                taken[best] = True
        return outcomes

    return _all(truths, found, class_id, match, 1)


def coco(
    truths: Sequence[Objects], found: Sequence[Detections], class_id: int, thresholds: NDArray[np.floating]
) -> Matches:
    """Matches as COCO's evaluation does (``COCOeval.evaluateImg``), for all sizes of objects.

    Each detection takes the object that it overlaps most among those still free, one that counts before one that does
    not. A crowd can be taken again and again, and is overlapped by the share of the detection that lies in it. A
    difficult object does not count, as one outside of COCO's range of areas; COCO itself knows no difficult ones.

    Args:
        truths: What is in each picture.
        found: What was found in it.
        class_id: The class that is judged.
        thresholds: ``(thresholds,)``, of the intersection over union.
    """
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    rows = np.arange(len(thresholds))

    def match(truth: Objects, boxes: Boxes, own: NDArray[np.bool_]) -> NDArray[np.int8]:
        crowd, ignored = truth.crowd[own], (truth.difficult | truth.crowd)[own]
        overlaps = overlap(boxes[:, None], truth.boxes[own], crowd)
        free = np.ones((len(thresholds), len(crowd)), bool)
        outcomes = np.full((len(thresholds), len(boxes)), MISS, np.int8)
        for i in range(len(boxes) if len(crowd) else 0):
            open_ = (free | crowd) & (overlaps[i] >= least)
            # Of what counts, any comes before what does not; of equals COCO takes the last.
            rank = np.where(open_, overlaps[i] + 2.0 * ~ignored, -1.0)
            best = rank.shape[1] - 1 - rank[:, ::-1].argmax(1)
            hit = rank[rows, best] >= 0
            outcomes[hit, i] = np.where(ignored[best[hit]], IGNORED, HIT)
            free[rows[hit], best[hit]] = False
        return outcomes

    return _all(truths, found, class_id, match, len(thresholds), COCO_DETECTIONS)


class _Match(Protocol):
    def __call__(self, truth: Objects, boxes: Boxes, own: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Judges one picture's detections of one class, best first; ``own`` are the objects of that class."""


def _all(
    truths: Sequence[Objects],
    found: Sequence[Detections],
    class_id: int,
    match: _Match,
    rows: int,
    most: int | None = None,
) -> Matches:
    scores, pictures, outcomes = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)], [np.zeros((rows, 0), np.int8)]
    positives = np.zeros(len(truths), np.int64)
    for picture, (truth, detections) in enumerate(zip(truths, found, strict=True)):
        own = truth.class_ids == class_id
        positives[picture] = np.count_nonzero(own & ~truth.difficult & ~truth.crowd)
        chosen = np.flatnonzero(detections.class_ids == class_id)
        chosen = chosen[np.argsort(-detections.scores[chosen], kind="stable")][:most]
        scores.append(detections.scores[chosen])
        pictures.append(np.full(len(chosen), picture))
        outcomes.append(match(truth, detections.boxes[chosen], own))
    together = np.concatenate(scores)
    order = np.argsort(-together, kind="stable")
    return Matches(
        together[order], np.concatenate(pictures)[order], np.concatenate(outcomes, axis=1)[:, order], positives
    )
