"""Reads a scenes folder: its tables at once, its pictures one by one, each compared with the digest of its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data import folders, tables
from components.data.index import SPLITS, counts, refuse
from components.data.scenes.index import (
    ABOUT,
    FORMAT,
    IMAGES,
    OBJECTS,
    TASK,
    ImageRow,
    ObjectRow,
    digest,
    problems,
)
from components.errors import DatasetError


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one picture, in their order; there may be none.

    Attributes:
        class_ids: int32 ``(n,)``.
        boxes: float32 ``(n, 4)`` as x1, y1, x2, y2 in pixels of the stored picture; right and lower edge excluded.
        difficult: bool ``(n,)``: hard to see (VOC).
        crowd: bool ``(n,)``: the box holds many of its class (COCO).
    """

    class_ids: NDArray[np.int32]
    boxes: NDArray[np.float32]
    difficult: NDArray[np.bool_]
    crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.class_ids)


@dataclass(frozen=True)
class SceneSplit:
    """The pictures of one split, in the order of their paths.

    Attributes:
        folder: The dataset's.
        name: ``train``, ``validation`` or ``test``.
        images: One a picture.
        rows: The objects of each picture, by its path.
    """

    folder: Path
    name: str
    images: tuple[ImageRow, ...]
    rows: Mapping[str, tuple[ObjectRow, ...]]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The pictures' paths, relative to the dataset."""
        return tuple(image.path for image in self.images)

    @cached_property
    def sizes(self) -> NDArray[np.int32]:
        """Width and height of each picture in pixels, int32 ``(pictures, 2)``."""
        return np.array([(image.width, image.height) for image in self.images], np.int32).reshape(-1, 2)

    def read_bytes(self, i: int) -> bytes:
        """Returns the encoded picture ``i``.

        Raises:
            DatasetError: The file is missing, or its bytes are not those that the table names.
        """
        return folders.read_checked(self.folder, self.images[i].path, self.images[i].sha256)

    def objects(self, i: int) -> Objects:
        """Returns what the picture ``i`` shows."""
        rows = self.rows.get(self.images[i].path, ())
        return Objects(
            np.array([row.class_id for row in rows], np.int32),
            np.array([row.box for row in rows], np.float32).reshape(-1, 4),
            np.array([row.difficult for row in rows], np.bool_),
            np.array([row.crowd for row in rows], np.bool_),
        )


@dataclass(frozen=True)
class Scenes:
    """A dataset for detectors that was read.

    Attributes:
        folder: Where it lies.
        name: What people call it.
        source: Where its pictures came from: ``composed``, or a URI.
        seed: Of whatever was drawn by lot.
        labels: One a class.
        notes: What a reader should know, such as that a class has too few individuals to split them.
        digest: The content's identity.
        images: One a picture, in the order of their paths.
        rows: The objects of each picture, by its path.
    """

    folder: Path
    name: str
    source: str
    seed: int
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    digest: str
    images: tuple[ImageRow, ...]
    rows: Mapping[str, tuple[ObjectRow, ...]]

    @property
    def counts(self) -> dict[str, int]:
        """The number of pictures of each split."""
        return counts(self.images)

    def split(self, name: str) -> SceneSplit:
        """Returns one split; it may be empty.

        Raises:
            DatasetError: There is no split of that name.
        """
        if name not in SPLITS:
            raise DatasetError(f"expected a split among {', '.join(SPLITS)}, found {name!r}")
        return SceneSplit(self.folder, name, tuple(i for i in self.images if i.split == name), self.rows)


def read(folder: Path) -> Scenes:
    """Reads a dataset's tables and description; a picture's bytes are checked when they are read.

    Raises:
        DatasetError: The folder is no such dataset, or tables and description contradict themselves or each other.
    """
    about = _read_about(folder / ABOUT)
    refuse((f"expected {name}, found none" for name in (IMAGES, OBJECTS) if not (folder / name).is_file()), str(folder))
    images = sorted(tables.read(folder / IMAGES, ImageRow), key=lambda image: image.path)
    objects = tables.read(folder / OBJECTS, ObjectRow)
    found = [*problems(images, objects, about["labels"])]
    if about["counts"] != counts(images):
        found.append(f"{ABOUT}: expected the counts {counts(images)}, found {about['counts']}")
    if about["digest"] != digest(images, objects):
        found.append(f"{ABOUT}: expected the digest {digest(images, objects)}, found {about['digest']}")
    refuse(found, str(folder))
    rows: dict[str, list[ObjectRow]] = {}
    for row in objects:
        rows.setdefault(row.path, []).append(row)
    return Scenes(
        folder,
        about["name"],
        about["source"],
        about["seed"],
        tuple(about["labels"]),
        tuple(about["notes"]),
        about["digest"],
        tuple(images),
        {path: tuple(of) for path, of in rows.items()},
    )


def _read_about(path: Path) -> dict[str, Any]:
    about = folders.read_about(path, {"task": str, "notes": list})
    if (about["format"], about["task"]) != (FORMAT, TASK):
        found = f"{about['format']} and {about['task']!r}"
        raise DatasetError(f"{path}: expected the format {FORMAT} and the task {TASK!r}, found {found}")
    if not all(isinstance(note, str) for note in about["notes"]):
        raise DatasetError(f"{path}: expected a list of sentences as notes, found {str(about['notes'])[:80]}")
    return about
