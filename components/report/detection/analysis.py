"""Reads ``analysis.json`` of a results folder; its pictures and arrays are read when they are asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.errors import InputError
from components.report.detection.clarified import ANALYSIS, COUNTED, Box, Clarified, Picture
from components.report.detection.fields import Fields
from components.report.verdicts import read_json

FORMAT = 1

_IMAGES = 100_000
_BOXES = 1_000  # of a picture
_SEGMENTS = 4_096
_NAME = 100_000  # characters of a name, which the page cuts


def read(folder: Path) -> Clarified:
    """Reads ``analysis.json``; pictures and arrays are read when they are asked for.

    Raises:
        InputError: It is missing or something else, or explains classes and no boxes.
    """
    path = folder / ANALYSIS
    whole = Fields.of(read_json(path), ANALYSIS)
    if whole.whole("format") != FORMAT:
        raise InputError(f"{ANALYSIS}: expected format {FORMAT}, found {whole.found['format']}")
    if not whole.flag("detection"):
        raise InputError(f"{ANALYSIS}: expected an analysis of boxes, found one of classes")
    config, summary = whole.inner("config"), whole.inner("summary")
    pictures = tuple(_picture(one) for one in whole.several("images", _IMAGES))
    return Clarified(
        folder,
        whole.text("model"),
        config.share("probability_threshold"),
        config.inner("methods").inner("shap").flag("use_logit"),
        whole.text("baseline"),
        pictures,
        summary.whole("unreadable"),
        summary.number("seconds", 0),
        {name: summary.number(name) for name in COUNTED} if any(picture.boxes for picture in pictures) else {},
        "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _picture(one: Fields) -> Picture:
    segments = one.whole("segments", 1, _SEGMENTS)
    return Picture(
        one.text("name", _NAME),
        (one.whole("width", 1), one.whole("height", 1)),
        segments,
        one.whole("predictions"),
        one.flag("truth_known"),
        tuple(_box(box, segments) for box in one.several("boxes", _BOXES)),
        one.text("segments_file"),
        one.text("objects_file"),
    )


def _box(one: Fields, segments: int) -> Box:
    return Box(
        one.whole("k", 1),
        one.whole("class"),
        one.text("label", _NAME),
        one.share("score"),
        one.numbers("box", 4, 0.0, 1.0),
        one.numbers("true_box", 4, 0.0, 1.0) if one.known("true_box") else None,
        one.number("base_value"),
        one.number("full_value"),
        one.numbers("values", segments),
        one.numbers("standard_errors", segments, 0.0),
        one.number("efficiency_residual"),
        one.whole("samples"),
        one.flag("exact"),
        one.flag("top_on_object"),
        min(1.0, one.number("strongest_on_object", 0.0, 1.0 + 1e-9)),  # a mean with weights, rounded
        one.share("on_object_by_chance"),
        one.text("heat_map"),
        one.text("array"),
    )
