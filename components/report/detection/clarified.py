"""The results folder of ``clarify``, read for a page: what made each box of some pictures.

===================  =========================================================================================
``analysis.json``    how it was asked, and for each picture its boxes: base and full value, φ of each segment,
                     standard errors, residual, samples, whether the strongest segment lies on the object
``arrays/``          the segment of each pixel, and φ again, as numbers that can be checked
pictures             ``…_objects.jpeg`` with all boxes, ``shap_…_box1.jpeg`` the heat map of one
===================  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from components.errors import InputError
from components.images import Limits
from components.intervals import wilson
from components.report.detection.arrays import read_array
from components.report.inside import read_inside

ANALYSIS = "analysis.json"
COUNTED = ("boxes", "on_object", "strongest_on_object_low", "strongest_on_object_high")
"""What the summary counts and the page counts again."""

Share4 = tuple[float, ...]
"""``(4,)`` x1, y1, x2, y2 as shares of a picture's width and height."""


@dataclass(frozen=True)
class Box:
    """One explained box.

    Attributes:
        number: From 1, best first.
        class_index: Of its class.
        label: Of its class.
        score: In [0, 1].
        box: Where the model saw it.
        true_box: The object that it was matched with; None where none is known or none is there.
        base: Value of the picture with no segment.
        full: With all of them.
        values: φ of each segment ``(segments,)``.
        standard_errors: Of φ ``(segments,)``; 0 where it is exact.
        residual: What is missing between φ and the difference of the two, as ``clarify`` found it.
        samples: Coalitions that were asked, besides the empty and the full one.
        exact: Whether these were all.
        on_object: Whether the segment with the largest φ lies on the object.
        share: Of the three largest, the part that lies on it, in [0, 1].
        chance: That a segment drawn by lot would.
        heat_map: The picture's file.
        array: That of φ.
    """

    number: int
    class_index: int
    label: str
    score: float
    box: Share4
    true_box: Share4 | None
    base: float
    full: float
    values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    residual: float
    samples: int
    exact: bool
    on_object: bool
    share: float
    chance: float
    heat_map: str
    array: str

    @property
    def largest_error(self) -> float:
        """Of its values."""
        return max(self.standard_errors, default=0.0)


@dataclass(frozen=True)
class Picture:
    """One picture that was looked at; without a box where nothing reached the threshold.

    Attributes:
        name: As the dataset or the folder calls it.
        size: Width and height in pixels.
        segments: How many.
        predictions: Made for it.
        truth_known: Whether its objects are known.
        boxes: Best first.
        segments_file: The segment of each pixel.
        objects_file: The picture with its boxes drawn.
    """

    name: str
    size: tuple[int, int]
    segments: int
    predictions: int
    truth_known: bool
    boxes: tuple[Box, ...]
    segments_file: str
    objects_file: str


@dataclass(frozen=True)
class Clarified:
    """An analysis.

    Attributes:
        folder: Where it lies.
        model: The digest of the package that was explained, or the address of the endpoint that was asked.
        threshold: Score from which on boxes were explained.
        logit: Whether values are log-odds of the score.
        baseline: What absent segments showed: ``noise``, ``blur``, ``mean``, or a picture's place.
        pictures: In the order in which they were looked at.
        unreadable: Pictures that could not be read.
        seconds: Of the whole.
        told: What the summary says of all boxes, by the names in ``COUNTED``; nothing where there is none.
        digest: Of ``analysis.json``.
    """

    folder: Path
    model: str
    threshold: float
    logit: bool
    baseline: str
    pictures: tuple[Picture, ...]
    unreadable: int
    seconds: float
    told: Mapping[str, float]
    digest: str

    @cached_property
    def explained(self) -> list[Picture]:
        """The pictures with a box."""
        return [picture for picture in self.pictures if picture.boxes]

    @cached_property
    def boxes(self) -> list[Box]:
        """All boxes."""
        return [box for picture in self.pictures for box in picture.boxes]

    @property
    def on_object(self) -> int:
        """Boxes whose strongest segment lies on the object."""
        return sum(box.on_object for box in self.boxes)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95 %, of the share of these boxes."""
        return wilson(self.on_object, len(self.boxes))

    @property
    def chance(self) -> float:
        """The share that segments drawn by lot would have."""
        return sum(box.chance for box in self.boxes) / max(1, len(self.boxes))

    @property
    def largest_error(self) -> float:
        """Of all values."""
        return max((box.largest_error for box in self.boxes), default=0.0)

    @property
    def largest_residual(self) -> float:
        """Of all boxes, without its sign."""
        return max((abs(box.residual) for box in self.boxes), default=0.0)

    def image(self, name: str) -> bytes:
        """Returns an encoded picture of the folder.

        Raises:
            InputError: It is no plain file inside it.
        """
        return read_inside(self.folder, name, Limits().bytes)

    def values(self, box: Box) -> NDArray[Any]:
        """Returns φ of a box from its array, float64 ``(segments,)``.

        Raises:
            InputError: It is none, or of another length.
        """
        return read_array(self.folder, box.array, "f8", (len(box.values),))

    def segments(self, picture: Picture) -> NDArray[Any]:
        """Returns the segment of each pixel, int32 ``(H, W)``.

        Raises:
            InputError: It is none, or names a segment that there is not.
        """
        found = read_array(self.folder, picture.segments_file, "i4", (None, None))
        if not found.size or found.min() < 0 or found.max() >= picture.segments:
            raise InputError(
                f"{picture.segments_file[:80]!r}: expected segments below {picture.segments}, found others"
            )
        return found
