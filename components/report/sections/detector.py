"""The key numbers of a detector's training."""

from __future__ import annotations

from components.report import metrics as flat
from components.report import wording
from components.report.blocks import Figure
from components.report.detection import story
from components.report.markup import short

_NAMES = {
    "map50": ("mAP50", "mean over the classes, overlap 0.5"),
    "map": ("mAP", "COCO's rule, overlaps 0.5 to 0.95"),
    "map50_voc07": ("mAP50, 11 points", "VOC 2007's rule"),
    "validation_map50": ("Validation mAP50", "of the epoch that was kept"),
}
_CLASSES = 12

KEYS = ("map50", "map")
"""The figures at the head of a page."""


def detects(metrics: flat.Metrics) -> bool:
    """Says whether metrics are a detector's."""
    return "map50" in metrics


def figures(metrics: flat.Metrics, each: bool = True) -> list[Figure]:
    """Returns the key numbers: mean average precision by each rule, that of ``each`` class, and the rest."""
    shown = [figure for name in _NAMES if (figure := _figure(metrics, name)) is not None]
    classes = [name for name in metrics if name.startswith("ap50_")]
    per_class = [
        Figure(f"AP50, {wording.words(name.removeprefix('ap50_')).lower()}", wording.percent(value.value))
        for name in classes[:_CLASSES]
        if each and (value := story.estimate(metrics, name)) is not None
    ]
    told = [*classes, *(name for name in _NAMES if _figure(metrics, name) is not None)]
    return [*shown, *per_class, *flat.figures(metrics, {}, skip=told)]


def key(metrics: flat.Metrics, name: str) -> Figure | None:
    """Returns one of the key numbers for the head of the page, with the pictures that it rests on."""
    figure = _figure(metrics, name)
    pictures, objects = metrics.get("test_images"), metrics.get("test_objects")
    if figure is None or not isinstance(pictures, int) or not isinstance(objects, int):
        return figure
    proof = f"{wording.count(objects)} objects in {wording.count(pictures)} test pictures"
    return Figure(figure.name, figure.value, figure.interval, proof)


def _figure(metrics: flat.Metrics, name: str) -> Figure | None:
    value = story.estimate(metrics, name)
    if value is None:
        return None
    words, proof = _NAMES[name]
    known = all(f"{name}_{end}" in metrics for end in ("low", "high"))
    between = f"{story.between(value)} (95{wording.PERCENT})" if known else ""
    return Figure(short(words), wording.percent(value.value), between, proof)
