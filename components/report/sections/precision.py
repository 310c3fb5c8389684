"""How precise a detector is at each recall, class by class."""

from __future__ import annotations

from components.intervals import wilson
from components.report import wording
from components.report.blocks import Block, Cell, Columns, Figure, Table, Text
from components.report.detection import story
from components.report.detection.curves import ClassCurve, Curves, Estimate
from components.report.page import Section
from components.report.recall import PrecisionRecall
from components.report.tables import Lines, Shown

CHARTS = 12
"""Classes whose curves are drawn."""

_ROWS = 500


def section(curves: Curves, threshold: float) -> Section:
    """Returns the section.

    Args:
        curves: What was measured.
        threshold: Score from which on a detection counts.
    """
    classes = curves.classes
    blocks: list[Block] = [
        Columns([_chart(one, threshold) for one in classes[:CHARTS]], width=240),
        _table(classes, threshold),
        Text(_note(curves), quiet=True),
    ]
    if len(classes) > CHARTS:
        blocks.insert(1, Text(f"The first {CHARTS} of {wording.count(len(classes))} classes.", quiet=True))
    lead = (
        f"To the right the share of objects that are found, upwards the share of detections that are right: from an "
        f"overlap (IoU) of {curves.iou:g}, in {wording.count(curves.pictures)} pictures that were kept back."
    )
    return Section("Precision and recall", blocks, lead)


def figure(curves: Curves, threshold: float) -> Figure:
    """Returns how many objects are found by detections that reach a score, with Wilson's interval."""
    found = curves.found(threshold)
    low, high = wilson(found, curves.objects)
    between = f"{story.between(Estimate(0, low, high))} (95{wording.PERCENT})"
    proof = f"{wording.count(found)} of {wording.count(curves.objects)} test objects"
    return Figure(f"Found, score {threshold:g} or more", wording.of(found, curves.objects), between, proof)


def _chart(one: ClassCurve, threshold: float) -> PrecisionRecall:
    place = one.at(threshold)
    found = f"{wording.count(one.found(threshold))} of {wording.count(one.objects)} found"
    marked = "" if place is None else f"○ score {threshold:g}: {found}"
    note = "Nothing was to be found." if one.ap50 is None else f"AP50 {_both(one.ap50)}"
    return PrecisionRecall(f"{one.class_id} {one.label}", one.recall, one.precision, note, place, marked)


def _table(classes: tuple[ClassCurve, ...], threshold: float) -> Table:
    rows = [_row(one, threshold) for one in classes[:_ROWS]]
    caption = f"Average precision of every class ({len(rows)})"
    if len(rows) < len(classes):
        caption = f"Average precision of the first {len(rows)} of {len(classes)} classes"
    heads = ("class", "objects", f"found, score {threshold:g}", "AP50", "AP, COCO")
    return Table(heads, rows, caption, frozenset({1, 2, 3, 4}), folded=len(rows) > CHARTS, phone="cards")


def _row(one: ClassCurve, threshold: float) -> list[Shown]:
    found = one.found(threshold)
    share = Lines(wording.of(found, one.objects), f"{wording.count(found)} objects")
    return [
        Cell(f"{one.class_id} {one.label}", one.class_id),
        one.objects,
        Cell(share, found / one.objects if one.objects else None),
        _estimate(one.ap50),
        _estimate(one.ap),
    ]


def _estimate(value: Estimate | None) -> Cell:
    if value is None:
        return Cell(wording.NONE)
    return Cell(Lines(wording.percent(value.value), story.between(value)), value.value)


def _both(value: Estimate) -> str:
    return f"{wording.percent(value.value)} ({story.between(value)})"


def _note(curves: Curves) -> str:
    return (
        f"Intervals at 95{wording.PERCENT} from {wording.count(curves.resamples)} draws of the pictures with "
        "replacement. AP50 is the area under the curve, at each recall the best precision at that one or a higher one "
        "(VOC since 2010); COCO's AP is the mean over overlaps from 0.5 to 0.95."
    )
