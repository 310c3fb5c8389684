"""The precision-recall curves that ``fine_tune.detector`` writes as its artifact ``curves``, read for a page.

One JSON object: ``format`` 1, ``task`` detection, ``labels``, the number of ``pictures``, the overlap ``iou`` they were
judged at, ``resamples`` behind the intervals, the estimates ``map50``, ``map50_voc07`` and ``map`` (``value``, ``low``,
``high``; null of nothing), and for each of ``classes`` its objects, its estimates and the points of its curve.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from components.errors import InputError
from components.report.detection.fields import Fields
from components.report.verdicts import read_json

FORMAT = 1
TASK = "detection"

POINTS = 400
"""A curve with fewer points was kept whole; of a longer one that many were chosen."""

_CLASSES = 10_000
_MOST = 10_000  # points of a curve


@dataclass(frozen=True)
class Estimate:
    """A figure in [0, 1] and its interval at 95 %; an interval of [0, 1] where none is told."""

    value: float
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class ClassCurve:
    """One class's curve, best detection first.

    Attributes:
        class_id: Its place among the labels.
        label: Of it.
        objects: That were to be found.
        ap50: Area under the curve; None where there was nothing to be found.
        ap: COCO's, over overlaps from 0.5 to 0.95.
        recall: ``(points,)``, never falling.
        precision: ``(points,)``.
        scores: ``(points,)``, never rising.
    """

    class_id: int
    label: str
    objects: int
    ap50: Estimate | None
    ap: Estimate | None
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    scores: tuple[float, ...]

    def at(self, threshold: float) -> int | None:
        """Returns the place of the last point whose score reaches a threshold; None where none does."""
        reached = sum(score >= threshold for score in self.scores)
        return reached - 1 if reached else None

    def found(self, threshold: float) -> int:
        """Returns how many objects are found by detections that reach a score."""
        place = self.at(threshold)
        return 0 if place is None else round(self.recall[place] * self.objects)

    @property
    def area(self) -> float:
        """The area under the curve, at each recall the best precision at that one or a higher one (VOC since 2010)."""
        total, best, after = 0.0, 0.0, self.recall[-1] if self.recall else 0.0
        for recall, precision in zip(reversed(self.recall), reversed(self.precision), strict=True):
            total += (after - recall) * best
            best, after = max(best, precision), recall
        return total + after * best


@dataclass(frozen=True)
class Curves:
    """How well a detector finds things.

    Attributes:
        labels: One a class.
        pictures: That were judged.
        iou: Overlap from which on a detection counts.
        resamples: Draws of the pictures behind each interval.
        map50: Mean over the classes of ``ap50``.
        voc07: The same by VOC's 11 points.
        map: Mean over the classes of COCO's ``ap``.
        classes: One a label.
        digest: Of the file.
    """

    labels: tuple[str, ...]
    pictures: int
    iou: float
    resamples: int
    map50: Estimate | None
    voc07: Estimate | None
    map: Estimate | None
    classes: tuple[ClassCurve, ...]
    digest: str

    @property
    def objects(self) -> int:
        """That were to be found, of all classes."""
        return sum(one.objects for one in self.classes)

    def found(self, threshold: float) -> int:
        """Returns how many of them are found by detections that reach a score."""
        return sum(one.found(threshold) for one in self.classes)


def read(path: Path) -> Curves:
    """Reads the file.

    Raises:
        InputError: It is something else, or what it says cannot be.
    """
    whole = Fields.of(read_json(path), path.name)
    if (whole.whole("format"), whole.text("task")) != (FORMAT, TASK):
        found = f"{whole.found['format']} and {whole.found['task'][:40]!r}"
        raise InputError(f"{path.name}: expected format {FORMAT} and task {TASK!r}, found {found}")
    labels = whole.texts("labels", _CLASSES)
    classes = tuple(_class(one) for one in whole.several("classes", _CLASSES))
    if [(one.class_id, one.label) for one in classes] != [*enumerate(labels)]:
        raise InputError(f"{path.name}: expected a curve for each of {len(labels)} labels, found {len(classes)} others")
    return Curves(
        labels,
        whole.whole("pictures"),
        whole.share("iou"),
        whole.whole("resamples"),
        _estimate(whole, "map50"),
        _estimate(whole, "map50_voc07"),
        _estimate(whole, "map"),
        classes,
        "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _class(one: Fields) -> ClassCurve:
    recall = one.numbers("recall", low=0.0, high=1.0, most=_MOST)
    precision, scores = (one.numbers(name, len(recall), 0.0, 1.0, _MOST) for name in ("precision", "scores"))
    if any(a > b for a, b in pairwise(recall)) or any(a < b for a, b in pairwise(scores)):
        raise InputError(f"{one.where}: expected recalls that never fall over scores that never rise, found others")
    return ClassCurve(
        one.whole("class_id"),
        one.text("label"),
        one.whole("objects"),
        _estimate(one, "ap50"),
        _estimate(one, "ap"),
        recall,
        precision,
        scores,
    )


def _estimate(whole: Fields, name: str) -> Estimate | None:
    found = whole.inner(name)
    if not found.known("value"):
        return None
    value = found.share("value")
    if not found.known("low") and not found.known("high"):
        return Estimate(value)
    low, high = found.share("low"), found.share("high")
    if low > high:
        raise InputError(f"{found.where}: expected an interval, found {low:g} to {high:g}")
    return Estimate(value, low, high)
