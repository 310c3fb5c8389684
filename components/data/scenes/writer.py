"""Fills a scenes folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from components.data import folders, tables
from components.data.index import counts, refuse
from components.data.scenes.index import (
    ABOUT,
    EXTENSIONS,
    FORMAT,
    HIGHEST,
    IMAGES,
    OBJECTS,
    TASK,
    ImageRow,
    ObjectRow,
    Thing,
    digest,
    path_of,
    problems,
)
from components.errors import DatasetError


class ScenesWriter:
    """Fills an empty folder with pictures and their objects; the tables are written when the block ends well.

    The order of the pictures makes no difference: the same pictures give the same files.

    Args:
        folder: Where to write; it is made if it is not there.
        name: What people call the dataset.
        source: Where the pictures came from: ``composed``, or a URI.
        labels: One a class, each once.
        seed: Of whatever was drawn by lot: the pictures, the splits.
        notes: Sentences on what a reader of the dataset should know.

    Raises:
        DatasetError: The folder is not empty, nothing was added, or the labels are not names, each once.
    """

    def __init__(
        self, folder: Path, *, name: str, source: str, labels: Sequence[str], seed: int, notes: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        about = {"format": FORMAT, "task": TASK, "name": name, "source": source, "seed": seed}
        self._notes = [*notes]
        self._about = {**about, "labels": list(labels), "notes": self._notes}
        self._labels = tuple(labels)
        self._images: dict[str, ImageRow] = {}
        self._objects: dict[str, list[ObjectRow]] = {}

    def __enter__(self) -> ScenesWriter:
        folders.begin(self._folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self._finish()

    def note(self, text: str) -> None:
        """Adds a sentence on what a reader of the dataset should know."""
        self._notes.append(text)

    def add(
        self,
        image: bytes,
        *,
        split: str,
        number: int,
        size: tuple[int, int],
        objects: Iterable[Thing] = (),
        extension: str = "png",
    ) -> None:
        """Adds an encoded picture and what it shows.

        Args:
            image: The file's bytes, written as they are.
            split: ``train``, ``validation`` or ``test``.
            number: The picture's number in its split, 0 to 999,999.
            size: Width and height in pixels, as stored.
            objects: What it shows; there may be nothing.
            extension: ``png`` or ``jpg``.

        Raises:
            DatasetError: One of these is out of its range, or the picture is there already.
        """
        if extension not in EXTENSIONS or not 0 <= number <= HIGHEST:
            raise DatasetError(
                f"expected {' or '.join(EXTENSIONS)} and a number from 0 to {HIGHEST}, found {extension!r}, {number}"
            )
        row = ImageRow(path_of(split, number, extension), split, *size, hashlib.sha256(image).hexdigest())
        things = [self._row(row.path, thing) for thing in objects]
        # Before anything is written: a split is part of the path.
        refuse([*row.problems(), *(p for thing in things for p in thing.problems(row, self._labels))], "a picture")
        if row.path in self._images:
            raise DatasetError(f"{row.path}: expected once, found twice")
        self._images[row.path], self._objects[row.path] = row, things
        path = self._folder / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)

    def _row(self, path: str, thing: Thing) -> ObjectRow:
        label = self._labels[thing.class_id] if 0 <= thing.class_id < len(self._labels) else ""
        # As stored, and with 0.0 for -0.0, so that equal boxes have equal digests.
        x1, y1, x2, y2 = (float(np.float32(edge)) + 0.0 for edge in thing.box)
        return ObjectRow(path, int(thing.class_id), label, x1, y1, x2, y2, bool(thing.difficult), bool(thing.crowd))

    def _finish(self) -> None:
        name = str(self._about["name"])
        if not self._images:
            raise DatasetError(f"{name}: expected pictures, found none")
        images = [self._images[path] for path in sorted(self._images)]
        objects = [row for path in sorted(self._objects) for row in self._objects[path]]
        refuse(problems(images, objects, self._labels), name)
        tables.write(images, ImageRow, self._folder / IMAGES)
        tables.write(objects, ObjectRow, self._folder / OBJECTS)
        about = {**self._about, "counts": counts(images), "digest": digest(images, objects)}
        folders.write_about(self._folder / ABOUT, about)
