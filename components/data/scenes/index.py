"""The rows of a scenes folder: pictures, the objects they show, and the laws of both."""

from __future__ import annotations

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components.data.index import SPLITS
from components.data.tables import Single

FORMAT = 1
TASK = "detection"
IMAGES = "images.parquet"
OBJECTS = "objects.parquet"
ABOUT = "dataset.json"

EXTENSIONS = ("png", "jpg")

# The largest number that a path's six digits hold.
HIGHEST = 999_999

_PATH = re.compile(rf"images/({'|'.join(SPLITS)})/(\d{{6}})\.({'|'.join(EXTENSIONS)})", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

Box = tuple[float, float, float, float]
"""``(x1, y1, x2, y2)`` in pixels of the stored picture; a pixel covers [n, n + 1), so x2 and y2 are excluded."""


class Thing(NamedTuple):
    """One object in a picture, as it is given to the writer.

    Attributes:
        class_id: The class's number, its place among the labels.
        box: Its box in pixels, right and lower edge excluded; kept as float32.
        difficult: Hard to see: training and evaluation may leave it out (VOC's flag).
        crowd: The box holds many of its class, not one (COCO's flag).
    """

    class_id: int
    box: Box
    difficult: bool = False
    crowd: bool = False


@dataclass(frozen=True)
class ImageRow:
    """One picture; the fields are the columns of ``images.parquet``, in their order.

    Attributes:
        path: Relative to the folder: ``images/<split>/<number>.<extension>``.
        split: ``train``, ``validation`` or ``test``.
        width: In pixels, as stored.
        height: In pixels, as stored.
        sha256: Of the file, in hexadecimal.
    """

    path: str
    split: str
    width: int
    height: int
    sha256: str

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with this row, taken alone."""
        found = _PATH.fullmatch(self.path)
        if not found:
            yield f"expected a path like images/train/000007.png, found {self.path!r}"
        elif found[1] != self.split:
            yield f"{self.path}: expected the split {found[1]}, found {self.split!r}"
        if not (self.width > 0 and self.height > 0):
            yield f"{self.path}: expected sides over 0 pixels, found {self.width} × {self.height}"
        if not _SHA256.fullmatch(self.sha256):
            yield f"{self.path}: expected a sha256 in hexadecimal, found {self.sha256[:80]!r}"


@dataclass(frozen=True)
class ObjectRow:
    """One object; the fields are the columns of ``objects.parquet``, in their order.

    Attributes:
        path: Of its picture.
        class_id: The class's number, its place among the labels.
        label: The class's name.
        x1: Left edge of its box, in pixels of the stored picture.
        y1: Upper edge.
        x2: Right edge, over ``x1`` and at most the picture's width.
        y2: Lower edge.
        difficult: As in ``Thing``.
        crowd: As in ``Thing``.
    """

    path: str
    class_id: int
    label: str
    x1: Single
    y1: Single
    x2: Single
    y2: Single
    difficult: bool
    crowd: bool

    @property
    def box(self) -> Box:
        """Its four edges."""
        return (self.x1, self.y1, self.x2, self.y2)

    def problems(self, image: ImageRow, labels: Sequence[str]) -> Iterator[str]:
        """Yields what is wrong with this object of that picture."""
        if not 0 <= self.class_id < len(labels):
            yield f"{self.path}: expected a class from 0 to {len(labels) - 1}, found {self.class_id}"
        elif self.label != labels[self.class_id]:
            yield f"{self.path}: expected the label {labels[self.class_id]!r}, found {self.label!r}"
        # Also refuses what is not finite: no comparison with NaN holds.
        if not (0 <= self.x1 < self.x2 <= image.width and 0 <= self.y1 < self.y2 <= image.height):
            yield f"{self.path}: expected a box inside {image.width} × {image.height} pixels, found {self.box}"


def path_of(split: str, number: int, extension: str) -> str:
    """Returns where a picture lies in its folder: ``images/train/000007.png``."""
    return f"images/{split}/{number:06d}.{extension}"


def problems(images: Sequence[ImageRow], objects: Iterable[ObjectRow], labels: Sequence[str]) -> Iterator[str]:
    """Yields what is wrong: each row alone, numbers and labels that occur twice, objects without their picture."""
    yield from (f"expected a label once, found {label!r} twice" for label, n in Counter(labels).items() if n > 1)
    by_path = {image.path: image for image in images}
    for image in images:
        yield from image.problems()
    # One number, one picture: 000007.png and 000007.jpg must not stand side by side.
    numbers = Counter(image.path.rpartition(".")[0] for image in images)
    yield from (f"{name}: expected one picture, found {n}" for name, n in numbers.items() if n > 1)
    for row in objects:
        if row.path in by_path:
            yield from row.problems(by_path[row.path], labels)
        else:
            yield f"{row.path}: expected a picture for each object, found none"


def digest(images: Iterable[ImageRow], objects: Iterable[ObjectRow]) -> str:
    """Returns the identity of a dataset's content: the same pictures, splits and objects give the same digest.

    It is ``sha256:`` and, in hexadecimal, the hash over lines of fields separated by tabs. In the order of the paths,
    one line a picture (path, sha256, split), then one for each of its objects in their order (class, box, difficult,
    crowd; the box as the hexadecimal of four little-endian float32, the flags as 0 or 1).
    """
    of: dict[str, list[str]] = {}
    for row in objects:
        box = struct.pack("<4f", *row.box).hex()
        of.setdefault(row.path, []).append(f"{row.class_id}\t{box}\t{row.difficult:d}\t{row.crowd:d}\n")
    hashed = hashlib.sha256()
    for image in sorted(images, key=lambda image: image.path):
        hashed.update(f"{image.path}\t{image.sha256}\t{image.split}\n".encode())
        hashed.update("".join(of.get(image.path, ())).encode())
    return "sha256:" + hashed.hexdigest()
