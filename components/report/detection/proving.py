"""What must hold of explained boxes, computed again from the arrays that lie beside what is told of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from components.report import wording
from components.report.detection.clarified import ANALYSIS, COUNTED, Box, Clarified, Picture, Share4
from components.report.inputs import Inputs
from components.report.lineage import Check, visible_digest

TOLERANCE = 1e-6
"""What values may miss of what they explain, relative to it or to 1."""

ON = 0.5
"""A segment lies on an object if they share at least this part of the smaller of both (Szymkiewicz and Simpson)."""

_BOXES = 2_000  # that are computed again
_SCORES = 1e-3  # between one answer of a model and another to the same picture
_ROUNDED = 1e-9


def checks(inputs: Inputs) -> Iterator[Check]:
    """Yields what can be checked with the artifacts that are given.

    Raises:
        InputError: An array is missing, or is none.
    """
    found = inputs.clarify
    if found is None:
        return
    if inputs.package is not None and found.model.startswith("sha256:"):
        said = visible_digest(found.model.removeprefix("sha256:"))
        yield Check("The explained detector is this archive.", found.model == inputs.package.digest, said)
    if inputs.model is not None:
        yield _classes(found, inputs.model.labels)
    if inputs.scenes is not None:
        yield _pictures(found, {image.path: image.split for image in inputs.scenes.images})
    again = _again(found)
    if not again:
        return
    told = f"{wording.count(len(again))} of {wording.count(len(found.boxes))} boxes computed again from their arrays"
    yield _sums(found, again, told)
    wrong = sum(_on_object(found, picture, box) != box.on_object for picture, box in again)
    statement = "The strongest segments lie where the maps of segments have them."
    yield Check(statement, not wrong, f"{wording.count(wrong)} differ; {told}" if wrong else told)
    if not found.logit:
        most = max(abs(box.full - box.score) for box in found.boxes)
        statement = "The value of each whole picture is the score of its box."
        yield Check(statement, most <= _SCORES, f"at most {wording.small(most)} apart")
    yield _share(found)


def _again(found: Clarified) -> list[tuple[Picture, Box]]:
    return [(picture, box) for picture in found.explained for box in picture.boxes][:_BOXES]


def _classes(found: Clarified, labels: tuple[str, ...]) -> Check:
    known = dict(enumerate(labels))
    others = {f"{b.class_index} {b.label}" for b in found.boxes if known.get(b.class_index) != b.label}
    told = f"{wording.count(len(found.boxes))} boxes" if not others else f"found {', '.join(sorted(others)[:5])}"
    return Check("The explained boxes are of the detector's classes.", not others, told)


def _pictures(found: Clarified, splits: dict[str, str]) -> Check:
    there = [splits[picture.name] for picture in found.pictures if picture.name in splits]
    strangers = len(found.pictures) - len(there)
    seen = sum(split == "train" for split in there)
    told = f"{wording.count(len(there))} of {wording.count(len(found.pictures))}"
    told += f", {wording.count(seen)} of them from the training" if seen else ", none of them from the training"
    return Check("Every explained picture is one of the dataset.", not strangers, told)


def _sums(found: Clarified, again: list[tuple[Picture, Box]], told: str) -> Check:
    most, same = 0.0, True
    for _, box in again:
        values = found.values(box)
        same = same and np.array_equal(values, np.array(box.values))
        gap = float(np.abs(values.sum() - (box.full - box.base))) / max(1.0, abs(box.full - box.base))
        most = max(most, gap if np.isfinite(gap) else np.inf)
    shown = f"largest gap {wording.small(most)}, {wording.small(TOLERANCE)} allowed; {told}"
    return Check("Each box's values sum up to its score with all segments less that with none.", bool(
        same and most <= TOLERANCE
    ), shown if same else f"the arrays differ from {ANALYSIS}; {shown}")  # fmt: skip


def _on_object(found: Clarified, picture: Picture, box: Box) -> bool:
    """Says whether the segment with the largest value over 0 lies on the object: the true one where it is known."""
    region = box.true_box if picture.truth_known else box.box
    values = found.values(box)
    top = int(values.argmax())
    if region is None or not values[top] > 0:
        return False
    segments = found.segments(picture)
    inside = segments[_window(region, *segments.shape)]
    common, size = int((inside == top).sum()), int((segments == top).sum())
    return common >= ON * max(1, min(size, inside.size))


def _window(box: Share4, height: int, width: int) -> tuple[slice, slice]:
    """Returns the pixels (rows, columns) that a box touches, at least one."""
    x1, y1, x2, y2 = box
    left, top = min(int(x1 * width), width - 1), min(int(y1 * height), height - 1)
    right, bottom = max(left + 1, int(np.ceil(x2 * width))), max(top + 1, int(np.ceil(y2 * height)))
    return slice(top, bottom), slice(left, right)


def _share(found: Clarified) -> Check:
    """Compares what the summary says of all boxes with the boxes."""
    low, high = found.interval
    wanted = dict(zip(COUNTED, (len(found.boxes), found.on_object, low, high), strict=True))
    wrong = [name for name, value in wanted.items() if not abs(found.told[name] - value) <= _ROUNDED]
    shown = f"{wording.percent(low)} – {wording.percent(high)}"
    statement = "The share of boxes with the strongest segment on the object, and its interval, are those of the boxes."
    return Check(statement, not wrong, f"different: {', '.join(wrong)}" if wrong else shown)
