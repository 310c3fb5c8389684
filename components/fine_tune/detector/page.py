"""The page: figures, curves, classes, and pictures with what is there and what was found."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from components.boxes import overlap
from components.data.scenes.dataset import Objects, Scenes
from components.fine_tune.detector.evaluation import IOU, ClassPrecision, Evaluation
from components.fine_tune.detector.folder import thinned
from components.fine_tune.detector.matching import Detections
from components.fine_tune.detector.pictures import Pictures, wanted
from components.fine_tune.detector.precision import Estimate
from components.fine_tune.detector.training import History
from components.report import wording
from components.report.blocks import Block, Cell, Columns, Figure, Figures, Picture, PictureGrid, Table, Text
from components.report.charts import LineChart
from components.report.page import Page, Section
from components.report.recall import PrecisionRecall

THRESHOLD = 0.5
"""Score from which on a detection is shown in a picture."""

_CURVES = 12
_PICTURES = 8
_SIDE = 320  # of a picture that is shown, in pixels
_HIT, _WRONG, _THERE = (38, 150, 80), (216, 61, 36), (255, 255, 255)


def page(scenes: Scenes, pictures: Pictures, found: Sequence[Detections], judged: Evaluation, history: History) -> Page:
    """Returns the page.

    Args:
        scenes: The dataset.
        pictures: Its test split.
        found: What was found in each of its pictures.
        judged: How good that is.
        history: How it was learnt.
    """
    sections = [
        Section("Precision and recall", _curves(scenes, judged), f"A detection counts from an overlap (IoU) of {IOU}."),
        Section("Held-out pictures", _shown(scenes, pictures, found), _legend()),
    ]
    if history.losses:
        loss = LineChart("Loss", history.loss, mark="min")
        validation = LineChart("Validation mAP50", history.validation, percent=True, mark="max")
        sections.append(Section("Training", [Columns([loss, validation])]))
    lead = f"Trained on {scenes.name}, judged on {wording.count(judged.pictures)} pictures that it has never seen."
    return Page("Detector", sections, [_figures(judged)], lead)


def _figures(judged: Evaluation) -> Figures:
    objects = sum(one.objects for one in judged.classes)
    proof = f"{wording.count(objects)} objects in {wording.count(judged.pictures)} pictures"
    return Figures(
        [
            Figure("mAP50", _percent(judged.area), _interval(judged.area), proof),
            Figure("mAP50, 11 points", _percent(judged.voc07), _interval(judged.voc07), "VOC 2007's rule"),
            Figure("mAP", _percent(judged.coco), _interval(judged.coco), "COCO's rule, IoU 0.5 to 0.95"),
        ]
    )


def _curves(scenes: Scenes, judged: Evaluation) -> list[Block]:
    pairs = list(zip(scenes.labels, judged.classes, strict=True))
    charts = Columns([_chart(label, one) for label, one in pairs[:_CURVES]])
    rows = [_row(label, one) for label, one in pairs]
    columns = ["Class", "Objects", "AP50", "AP50, 11 points", "AP, COCO"]
    resampled = f"Intervals at 95 % from {wording.count(judged.resamples)} draws of the pictures with replacement."
    table = Table(columns, rows, "Average precision of each class", frozenset({1, 2, 3, 4}), phone="cards")
    return [charts, table, Text(resampled, quiet=True)]


def _row(label: str, one: ClassPrecision) -> list[str | int | Cell]:
    return [label, one.objects, *(Cell(_both(e), e.value) for e in (one.area, one.voc07, one.coco))]


def _chart(label: str, one: ClassPrecision) -> PrecisionRecall:
    at = thinned(one.recall, one.precision)
    note = f"average precision {_percent(one.area)}, {wording.count(one.objects)} objects"
    return PrecisionRecall(label, one.recall[at].tolist(), one.precision[at].tolist(), note)


def _legend() -> str:
    return (
        f"White and thin: what is there. Green: found with a score of {THRESHOLD} or more, and right; red: found, "
        "and wrong. The first half are the pictures with the most mistakes, the others stand at even distances."
    )


def _shown(scenes: Scenes, pictures: Pictures, found: Sequence[Detections]) -> list[Block]:
    mistakes = np.array([_mistakes(o, f) for o, f in zip(pictures.objects, found, strict=True)])
    worst = np.argsort(-mistakes, kind="stable")[: _PICTURES // 2]
    others = np.setdiff1d(np.arange(len(pictures)), worst)
    even = others[np.linspace(0, len(others) - 1, min(len(others), _PICTURES - len(worst))).astype(int)]
    paths = scenes.split("test").paths
    shown = [
        _picture(paths[i], scenes.labels, pictures.pixels[i], pictures.objects[i], found[i], int(mistakes[i]))
        for i in [*worst, *even]
    ]
    return [PictureGrid(shown, width=230)]


def _picture(
    path: str, labels: Sequence[str], pixels: np.ndarray, objects: Objects, found: Detections, mistakes: int
) -> Picture:
    scale = _SIDE / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(image)
    for box in objects.boxes:
        pen.rectangle((box * scale).round().tolist(), outline=_THERE, width=1)
    right, told = _right(objects, found), []
    for i in np.flatnonzero(found.scores >= THRESHOLD):
        pen.rectangle((found.boxes[i] * scale).round().tolist(), outline=_HIT if right[i] else _WRONG, width=3)
        told.append(f"{labels[found.class_ids[i]]} {wording.percent(float(found.scores[i]), 0)}")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    there = ", ".join(labels[c] for c in objects.class_ids) or "nothing"
    heading = "no mistake" if not mistakes else f"{mistakes} mistake" + "s" * (mistakes > 1)
    lines = [heading, f"found: {', '.join(told) or 'nothing'}", f"there: {there}", path]
    return Picture(buffer.getvalue(), f"{path}: found {', '.join(told) or 'nothing'}; there: {there}", lines)


def _right(objects: Objects, found: Detections) -> np.ndarray:
    """Says of each detection, best first, whether it is the first on an object of its class, ``(detections,)``."""
    right, free = np.zeros(len(found), bool), np.ones(len(objects), bool)
    overlaps = overlap(found.boxes[:, None], objects.boxes)
    for i in np.argsort(-found.scores, kind="stable"):
        fitting = np.where(free & (objects.class_ids == found.class_ids[i]), overlaps[i], 0.0)
        if len(fitting) and fitting.max() >= IOU:
            right[i], free[fitting.argmax()] = True, False
    return right


def _mistakes(objects: Objects, found: Detections) -> int:
    sure = found.scores >= THRESHOLD
    right = _right(objects, Detections(found.class_ids[sure], found.scores[sure], found.boxes[sure]))
    return int((~right).sum() + max(0, wanted(objects).sum() - right.sum()))


def _percent(estimate: Estimate) -> str:
    return wording.percent(estimate.value)


def _interval(estimate: Estimate) -> str:
    return f"{wording.percent(estimate.low)} to {wording.percent(estimate.high)}"


def _both(estimate: Estimate) -> str:
    return _percent(estimate) if math.isnan(estimate.value) else f"{_percent(estimate)} ({_interval(estimate)})"
