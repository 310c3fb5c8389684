"""The rows of a dataset's index: their columns and their laws."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from components.errors import DatasetError

FORMAT = 1
INDEX = "index.parquet"
ABOUT = "dataset.json"

SPLITS = ("train", "validation", "test")

EXTENSIONS = ("png", "jpg", "jpeg")

# The largest number that a path's five digits hold.
HIGHEST = 99_999

# Of what is found wrong, the rest is counted.
SHOWN = 20

_PATH = re.compile(rf"images/(\d{{5}})/(\d{{5}})_(\d{{5}})\.({'|'.join(EXTENSIONS)})", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Row:
    """One image of a dataset; the fields are the index's columns, in their order.

    Attributes:
        path: Of the image, relative to the dataset: ``images/<class>/<track>_<frame>.<extension>``.
        class_id: The class's number, its place among the dataset's labels.
        label: The class's name.
        track: The physical sign that the frames of a track show, unique in the dataset: ``<class>/<track>``.
        frame: The place of the image in its track.
        split: ``train``, ``validation`` or ``test``.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
        x1: Left edge of the sign's box, in pixels.
        y1: Upper edge of the box.
        x2: Right edge of the box, over ``x1`` and at most ``width``.
        y2: Lower edge of the box, over ``y1`` and at most ``height``.
        sha256: Of the image file, in hexadecimal.
    """

    path: str
    class_id: int
    label: str
    track: str
    frame: int
    split: str
    width: int
    height: int
    x1: int
    y1: int
    x2: int
    y2: int
    sha256: str

    def problems(self, labels: Sequence[str]) -> Iterator[str]:
        """Yields what is wrong with this row, taken alone."""
        if not 0 <= self.class_id < len(labels):
            yield f"{self.path}: expected a class from 0 to {len(labels) - 1}, found {self.class_id}"
        elif self.label != labels[self.class_id]:
            yield f"{self.path}: expected the label {labels[self.class_id]!r}, found {self.label!r}"
        if not _PATH.fullmatch(self.path):
            yield f"expected a path like images/00014/00003_00007.png, found {self.path!r}"
        elif (found := place_of(self.path)) != (self.class_id, self.track, self.frame):
            yield f"{self.path}: expected class, track and frame {found}, found {self.class_id, self.track, self.frame}"
        if self.split not in SPLITS:
            yield f"{self.path}: expected a split among {', '.join(SPLITS)}, found {self.split!r}"
        if not (0 <= self.x1 < self.x2 <= self.width and 0 <= self.y1 < self.y2 <= self.height):
            box = (self.x1, self.y1, self.x2, self.y2)
            yield f"{self.path}: expected a box inside {self.width} × {self.height} pixels, found {box}"
        if not _SHA256.fullmatch(self.sha256):
            yield f"{self.path}: expected a sha256 in hexadecimal, found {self.sha256[:80]!r}"


def path_of(class_id: int, track: int, frame: int, extension: str) -> str:
    """Returns where an image lies in its dataset; ``place_of`` is the way back."""
    return f"images/{class_id:05d}/{track:05d}_{frame:05d}.{extension}"


def track_name(class_id: int, track: int) -> str:
    """Returns a track's name, unique in the dataset: ``00014/00003``."""
    return f"{class_id:05d}/{track:05d}"


def place_of(path: str) -> tuple[int, str, int]:
    """Returns the class, the track (as ``00014/00003``) and the frame that a path says."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise DatasetError(f"expected a path like images/00014/00003_00007.png, found {path!r}")
    return int(found[1]), f"{found[1]}/{found[2]}", int(found[3])


def problems(rows: Sequence[Row], labels: Sequence[str]) -> Iterator[str]:
    """Yields what is wrong with an index: each row alone, paths that occur twice, tracks in two splits."""
    paths: set[str] = set()
    splits: dict[str, set[str]] = {}
    for row in rows:
        yield from row.problems(labels)
        if row.path in paths:
            yield f"{row.path}: expected once, found twice"
        paths.add(row.path)
        splits.setdefault(row.track, set()).add(row.split)
    for track, found in splits.items():
        if len(found) > 1:
            yield f"track {track}: expected in one split, found in {', '.join(sorted(found))}"


def digest(rows: Iterable[Row]) -> str:
    """Returns the identity of a dataset's content: the same images, classes and splits give the same digest.

    It is ``sha256:`` and, in hexadecimal, the hash over one line a row, in the order of the paths: path, sha256, class
    and split, separated by tabs.
    """
    lines = sorted(f"{row.path}\t{row.sha256}\t{row.class_id}\t{row.split}\n" for row in rows)
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


class InSplit(Protocol):
    """What lies in a split: an image of a dataset, or a picture of scenes."""

    @property
    def split(self) -> str:
        """``train``, ``validation`` or ``test``."""


def counts(rows: Iterable[InSplit]) -> dict[str, int]:
    """Returns the number of images of each split."""
    found = Counter(row.split for row in rows)
    return {split: found[split] for split in SPLITS}


def refuse(found: Iterable[str], what: str) -> None:
    """Raises all that was found wrong as one error, the first ``SHOWN`` word for word.

    Raises:
        DatasetError: Anything was found.
    """
    found = [*found]
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise DatasetError(f"{what}: " + "; ".join(found[:SHOWN]) + more)
