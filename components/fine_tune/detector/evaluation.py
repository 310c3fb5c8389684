"""How good a detector is: average precision by VOC's and COCO's rules, of each class and over all, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.data.scenes.dataset import Objects
from components.fine_tune.detector import matching, precision
from components.fine_tune.detector.matching import Detections
from components.fine_tune.detector.precision import Estimate

IOU = 0.5
COCO_IOUS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)

RESAMPLES = 1000


@dataclass(frozen=True)
class ClassPrecision:
    """One class.

    Attributes:
        objects: How many were to be found.
        area: Area under the curve at an IoU of 0.5 (VOC since 2010).
        voc07: Its 11-point rule, at an IoU of 0.5.
        coco: COCO's, the mean over IoUs from 0.5 to 0.95.
        recall: ``(detections,)``, after each detection, best first, at an IoU of 0.5.
        precision: ``(detections,)``.
        scores: ``(detections,)``.
    """

    objects: int
    area: Estimate
    voc07: Estimate
    coco: Estimate
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Evaluation:
    """A detector's figures on a split.

    Attributes:
        classes: One a class.
        area: mAP50: the mean over the classes of the area under the curve at an IoU of 0.5.
        voc07: The same by VOC's 11-point rule.
        coco: mAP: COCO's, over IoUs from 0.5 to 0.95.
        pictures: How many were judged.
        resamples: Draws of pictures behind each interval.
    """

    classes: tuple[ClassPrecision, ...]
    area: Estimate
    voc07: Estimate
    coco: Estimate
    pictures: int
    resamples: int


def evaluate(
    truths: Sequence[Objects], found: Sequence[Detections], classes: int, seed: int, resamples: int = RESAMPLES
) -> Evaluation:
    """Judges detections, with percentile intervals at 95 % from pictures drawn with replacement.

    Args:
        truths: What each picture shows.
        found: What was found in it.
        classes: How many there are.
        seed: Of the draws.
        resamples: How many draws.
    """
    weights = precision.draws(len(truths), resamples, seed)
    by_class, means = [], []
    for class_id in range(classes):
        one = matching.voc(truths, found, class_id, IOU)
        many = matching.coco(truths, found, class_id, COCO_IOUS)
        values = [
            precision.averages(one, precision.AREA, weights),
            precision.averages(one, precision.VOC07, weights),
            precision.averages(many, precision.COCO, weights),
        ]
        means.append(values)
        by_class.append(_of_class(one, *map(precision.estimate, values)))
    area, voc07, coco = (precision.estimate(precision.mean_over_classes(rule)) for rule in zip(*means, strict=True))
    return Evaluation(tuple(by_class), area, voc07, coco, len(truths), resamples)


def quick(truths: Sequence[Objects], found: Sequence[Detections], classes: int) -> float:
    """Returns mAP50 alone, 0 where there is nothing to be found."""
    weights = precision.draws(len(truths), 0, 0)
    matches = (matching.voc(truths, found, class_id, IOU) for class_id in range(classes))
    value = precision.mean_over_classes([precision.averages(one, precision.AREA, weights) for one in matches])[0]
    return float(np.nan_to_num(value))


def _of_class(matches: matching.Matches, area: Estimate, voc07: Estimate, coco: Estimate) -> ClassPrecision:
    recall, shown = precision.curve(matches)
    return ClassPrecision(
        int(matches.positives.sum()), area, voc07, coco, np.nan_to_num(recall[0]), shown[0], matches.scores
    )
