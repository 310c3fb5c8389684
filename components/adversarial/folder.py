"""The folder of an attack, as ``components.data.attacked`` describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.adversarial.crafting import Case, Crafted
from components.adversarial.norms import LEVELS
from components.data import attacked
from components.data.attacked import Attacked
from components.data.dataset import Dataset, DatasetWriter
from components.data.index import Box, Row, path_of, place_of

SPLIT = "test"


def rows(crafted: Sequence[Crafted], skipped: Sequence[Case], target: int) -> list[Attacked]:
    """Returns a row for each image that was attacked, and for each that was skipped."""
    return [*(_tried(one, target) for one in crafted), *(_skipped(case, target) for case in skipped)]


def write(
    folder: Path, source: Dataset, crafted: Sequence[Crafted], told: Sequence[Attacked], table: Mapping[str, Any]
) -> None:
    """Fills an empty folder; the same images and rows give the same bytes.

    Args:
        folder: Where.
        source: The dataset that was attacked.
        crafted: The attacked images.
        told: The rows.
        table: What ``robustness.json`` says.

    Raises:
        DatasetError: No image was attacked, or two of the source have one place (the same track and frame twice).
    """
    about = {"source": f"attack on {source.name} {source.digest}", "labels": source.labels, "seed": source.seed}
    with DatasetWriter(folder, name=f"{source.name}-attacked", **about) as writer:  # type: ignore[arg-type]
        for one in crafted:
            _add(writer, one.case.row, one.file, one.image)
    with DatasetWriter(folder / attacked.ORIGINALS, name=f"{source.name}-originals", **about) as writer:  # type: ignore[arg-type]
        for one in crafted:
            _add(writer, one.case.row, one.case.file, one.case.image)
    attacked.write(told, folder)
    text = json.dumps(table, indent=2, sort_keys=True, allow_nan=False)
    (folder / attacked.ROBUSTNESS).write_text(text + "\n", encoding="utf-8")


def scaled(box: Box, size: tuple[int, int], to: tuple[int, int]) -> Box:
    """Returns a box of an image of ``size`` in the image resized ``to`` (width, height), grown to whole pixels."""
    x, y = to[0] / size[0], to[1] / size[1]
    x1, y1, x2, y2 = box
    return math.floor(x1 * x), math.floor(y1 * y), min(to[0], math.ceil(x2 * x)), min(to[1], math.ceil(y2 * y))


def _add(writer: DatasetWriter, row: Row, file: bytes, image: np.ndarray[Any, Any]) -> None:
    size = (image.shape[1], image.shape[0])
    writer.add(
        file,
        class_id=row.class_id,
        track=_track(row),
        frame=row.frame,
        split=SPLIT,
        size=size,
        box=scaled((row.x1, row.y1, row.x2, row.y2), (row.width, row.height), size),
    )


def _track(row: Row) -> int:
    return int(place_of(row.path)[1].rpartition("/")[2])


def _tried(one: Crafted, target: int) -> Attacked:
    row = one.case.row
    change = (one.image.astype(np.float64) - one.case.image) / LEVELS
    return Attacked(
        path=path_of(row.class_id, _track(row), row.frame, "png"),
        source_path=row.path,
        source_class=row.class_id,
        target=target,
        predicted_before=one.case.predicted,
        score_before=float(one.case.scores.max()),
        predicted_after=one.predicted,
        score_after=float(one.scores.max()),
        l2=float(np.sqrt(np.square(change).sum())),
        linf=float(np.abs(change).max()),
        steps=one.steps,
        success=one.meets(target),
        skipped=False,
    )


def _skipped(case: Case, target: int) -> Attacked:
    score = float(case.scores.max())
    return Attacked(
        "",
        case.row.path,
        case.row.class_id,
        target,
        case.predicted,
        score,
        case.predicted,
        score,
        0.0,
        0.0,
        0,
        False,
        True,
    )
