"""An analysis as a page: the key numbers, every picture with its boxes to click, and how it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.clarify.clickable import Explained, Heat, Spot
from components.clarify.drawing import signed
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Table, Text
from components.report.page import Page, Section

MOST = 40
"""Pictures that a page shows; the others are in the results folder."""

_ROWS = 8  # segments in a table

Values = Mapping[str, Any]


def page(title: str, told: Values, folder: Path) -> Page:
    """Returns the report of a results folder.

    Args:
        title: Of the page.
        told: What its ``analysis.json`` says.
        folder: It.
    """
    explained = [image for image in told["images"] if image["boxes"]]
    sections = [_pictures(told, explained, folder), _asked(told)]
    if left := [*_left(told)]:
        sections.append(Section("What was left out", left))
    return Page(title, sections, [Figures([*_figures(told)])], lead=_lead(told))


def _lead(told: Values) -> str:
    found = told["summary"]
    what = "boxes" if told["detection"] else "classes"
    return (
        f"Which segments raised or lowered the score of {wording.count(found['boxes'])} {what} in "
        f"{wording.count(found['explained'])} pictures: Shapley values, each with its standard error."
    )


def _figures(told: Values) -> Iterator[Figure]:
    found = told["summary"]
    if "on_object" in found:
        low, high = found["strongest_on_object_low"], found["strongest_on_object_high"]
        yield Figure(
            "Strongest segment on the object",
            wording.percent(found["strongest_on_object"]),
            f"{wording.percent(low)} to {wording.percent(high)}",
            f"{found['on_object']} of {found['boxes']} boxes; "
            f"{wording.percent(found['on_object_by_chance'])} by chance",
        )
    yield Figure(
        "Predictions",
        wording.count(found["predictions"]),
        proof=f"in {wording.seconds(found['seconds'])}, "
        f"{wording.percent(found['overhead'])} of that besides predicting",
    )
    yield Figure(
        "Largest standard error",
        f"{found['largest_standard_error']:.2g}",
        proof="0: every coalition was asked" if not found["largest_standard_error"] else "of a segment's value",
    )
    yield Figure("Largest residual", f"{found['largest_residual']:.1g}", proof="of values against what they sum up to")


def _pictures(told: Values, explained: Sequence[Values], folder: Path) -> Section:
    lead = (
        "Blue segments raised the score, red ones lowered it; numbers are what the strongest add. Absent segments "
        f"showed {_baseline(told)}."
    )
    blocks: list[Block] = [_explained(i, image, folder) for i, image in enumerate(explained[:MOST], 1)]
    if not explained:
        blocks.append(Text("In no picture was anything found that reaches the threshold."))
    if len(explained) > MOST:
        blocks.append(Text(f"{len(explained) - MOST:,} more pictures are in the results folder.", quiet=True))
    return Section("What made each box" if told["detection"] else "What made each class", blocks, lead)


def _explained(number: int, image: Values, folder: Path) -> Explained:
    anchor, boxes = f"picture-{number}", image["boxes"]
    anchors = [f"{anchor}-{box['k']}" for box in boxes]
    data = None if image["objects_file"] is None else (folder / image["objects_file"]).read_bytes()
    spots = [Spot(box["box"], _name(box), to) for box, to in zip(boxes, anchors, strict=True) if box["box"]]
    heats = [
        Heat(
            (folder / box["heat_map"]).read_bytes(),
            to,
            f"Heat map of {_name(box)}: {_words(box)}",
            (_name(box), _words(box), *_on_object(box)),
        )
        for box, to in zip(boxes, anchors, strict=True)
    ]
    notes = (
        f"{image['width']} × {image['height']} pixels, {image['segments']} segments, "
        f"{wording.count(image['predictions'])} predictions"
    )
    return Explained(anchor, image["name"], notes, data, spots, heats, [_table(image)])


def _table(image: Values) -> Table:
    rows = []
    for box in image["boxes"]:
        values, errors = np.array(box["values"]), np.array(box["standard_errors"])
        for segment in np.argsort(-np.abs(values), kind="stable")[:_ROWS]:
            rows.append((_name(box), int(segment), signed(float(values[segment])), f"{errors[segment]:.2g}"))
    caption = f"The strongest segments, at most {_ROWS} a box"
    return Table(("what", "segment", "value", "standard error"), rows, caption, frozenset({1, 2, 3}), folded=True)


def _name(box: Values) -> str:
    return f"{box['k']} {box['label']} {box['score']:.2f}"


def _words(box: Values) -> str:
    how = "exact" if box["exact"] else f"{wording.count(box['samples'])} coalitions"
    return f"from {box['base_value']:.3f} to {box['full_value']:.3f}; {how}"


def _on_object(box: Values) -> Iterator[str]:
    if box["top_on_object"] is not None:
        where = "on the object" if box["top_on_object"] else "not on the object"
        yield f"strongest segment {where}; {wording.percent(box['strongest_on_object'], 0)} of the three strongest"


def _asked(told: Values) -> Section:
    flat = _flat(told["config"]["methods"]["shap"]) | _flat(told["config"], ("methods",))
    given = {"model": told["model"]} | {name: value for name, value in flat.items() if value not in (None, [])}
    rows = [(name, Text(_text(value))) for name, value in (given | {"baseline": _baseline(told)}).items()]
    return Section("How it was asked", [Table(("what", "value"), rows, "The configuration as used, in AWS's words")])


def _flat(found: Values, without: Sequence[str] = ()) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in found.items():
        if key not in without:
            flat |= _flat(value) if isinstance(value, Mapping) else {key: value}
    return flat


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _baseline(told: Values) -> str:
    return {"noise": "noise", "blur": "the picture blurred", "mean": "its mean colour"}.get(
        told["baseline"], "the baseline's pixels"
    )


def _left(told: Values) -> Iterator[Block]:
    if told["skipped"]:
        rows = [(one["name"], Text(one["reason"])) for one in told["skipped"]]
        yield Table(("picture", "why"), rows, "Pictures that could not be read")
    nothing = [image["name"] for image in told["images"] if not image["boxes"]]
    if nothing:
        threshold = told["config"].get("probability_threshold")
        yield Text(f"{len(nothing):,} pictures without a detection that reaches {threshold}.")
    if dropped := told["summary"]["dropped_rows"]:
        yield Text(f"{dropped:,} rows of answers were no detections and were left out; analysis.json says why.")
