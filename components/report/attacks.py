"""The folder of an attack, read for a page: verified images, what was done to each, and the robustness table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from components.data import attacked as format
from components.data.attacked import Attacked
from components.data.dataset import Dataset
from components.data.index import Row
from components.errors import InputError
from components.report.changes import Change, change
from components.report.verdicts import read_json

LEVELS = 255
"""Steps of a pixel of 8 bits; lengths of an attack are told in these."""

_MOST = 100  # points of the robustness table


class Point(NamedTuple):
    """Accuracy under attack at the radius ``epsilon``, in 255ths, with its interval at 95 %."""

    epsilon: float
    images: int
    right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Robustness:
    """Accuracy under attack against the radius: by which attack, in which norm, and a point for each radius."""

    attack: str
    norm: str
    points: tuple[Point, ...]
    confidence: Mapping[str, Any]


@dataclass(frozen=True)
class Attack:
    """What an attack made.

    Attributes:
        dataset: The attacked images.
        originals: The same paths, before.
        rows: What was done, one an image, and one for each that was skipped.
        robustness: The table; None if the folder has none.
    """

    dataset: Dataset
    originals: Dataset
    rows: tuple[Attacked, ...]
    robustness: Robustness | None

    @cached_property
    def tried(self) -> list[Attacked]:
        """The images that were attacked."""
        return [row for row in self.rows if not row.skipped]

    @cached_property
    def done(self) -> list[Attacked]:
        """Of these, the successes."""
        return [row for row in self.tried if row.success]

    @cached_property
    def by_path(self) -> dict[str, tuple[Row, Row, Attacked]]:
        """Attacked image, original and row, by the path that the replay sends as inference id."""
        images = {row.path: row for row in self.dataset.rows}
        originals = {row.path: row for row in self.originals.rows}
        return {row.path: (images[row.path], originals[row.path], row) for row in self.tried}

    @cached_property
    def confidence(self) -> Change | None:
        """The score of the predicted class before and after, of the successes."""
        return change([row.score_before for row in self.done], [row.score_after for row in self.done])

    @property
    def targets(self) -> set[int]:
        """The classes that were wanted; -1 for any other than its own."""
        return {row.target for row in self.rows}

    def name(self, class_id: int) -> str:
        """Returns a class as people read it."""
        known = 0 <= class_id < len(self.dataset.labels)
        return f"{class_id} {self.dataset.labels[class_id]}" if known else str(class_id)


def read(folder: Path) -> Attack:
    """Reads the folder and checks every file of it.

    Raises:
        DatasetError: Says all that differs.
        InputError: The robustness table is something else.
    """
    dataset, originals, rows = format.verify(folder)
    path = folder / format.ROBUSTNESS
    return Attack(dataset, originals, tuple(rows), _robustness(read_json(path)) if path.is_file() else None)


def _robustness(found: Any) -> Robustness:
    try:
        points = tuple(_point(one) for one in found["points"][:_MOST])
        confidence = found.get("confidence", {})
        if not isinstance(confidence, dict):
            raise TypeError
        return Robustness(str(found["attack"]), str(found["norm"]), points, confidence)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{format.ROBUSTNESS}: expected attack, norm and points, found {type(error).__name__}"
        ) from None


def _point(found: Any) -> Point:
    point = Point(**found)
    numbers = (point.epsilon, point.accuracy, point.low, point.high)
    whole = type(point.images) is int and type(point.right) is int and 0 <= point.right <= point.images
    if not whole or not all(type(n) in (int, float) and math.isfinite(n) and n >= 0 for n in numbers):
        raise ValueError
    if max(numbers[1:]) > 1:
        raise ValueError
    return point
