"""Fills a dataset folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from components.data import folders, tables
from components.data.index import (
    ABOUT,
    EXTENSIONS,
    FORMAT,
    HIGHEST,
    INDEX,
    Box,
    Row,
    counts,
    digest,
    path_of,
    problems,
    refuse,
    track_name,
)
from components.errors import DatasetError


class DatasetWriter:
    """Fills an empty folder with a dataset; index and description are written when the block ends well.

    The order of the images makes no difference: the same images give the same files.

    Args:
        folder: Where to write; it is made if it is not there.
        name: What people call the dataset.
        source: Where the images came from: ``rendered``, or a URI.
        labels: One a class.
        seed: Of whatever was drawn by lot: the images, the splits.

    Raises:
        DatasetError: The folder is not empty, nothing was added, or a track came into two splits.
    """

    def __init__(self, folder: Path, *, name: str, source: str, labels: Sequence[str], seed: int) -> None:
        self._folder = folder
        self._about = {"format": FORMAT, "name": name, "source": source, "seed": seed, "labels": list(labels)}
        self._labels = tuple(labels)
        self._rows: dict[str, Row] = {}

    def __enter__(self) -> DatasetWriter:
        folders.begin(self._folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self._finish()

    def add(
        self,
        image: bytes,
        *,
        class_id: int,
        track: int,
        frame: int,
        split: str,
        size: tuple[int, int],
        box: Box,
        extension: str = "png",
    ) -> None:
        """Adds an encoded image.

        Args:
            image: The file's bytes, written as they are.
            class_id: The class's number.
            track: The number of the physical sign among those of its class, 0 to 99,999.
            frame: The image's number in its track, 0 to 99,999.
            split: ``train``, ``validation`` or ``test``.
            size: Width and height in pixels.
            box: The sign's ``(x1, y1, x2, y2)`` in pixels, right and lower edge excluded.
            extension: ``png``, ``jpg`` or ``jpeg``.

        Raises:
            DatasetError: One of these is out of its range, or the image is there already.
        """
        if extension not in EXTENSIONS or not (0 <= track <= HIGHEST and 0 <= frame <= HIGHEST):
            raise DatasetError(
                f"expected {', '.join(EXTENSIONS)}, a track and a frame from 0 to {HIGHEST}, "
                f"found {extension!r}, {track}, {frame}"
            )
        label = self._labels[class_id] if 0 <= class_id < len(self._labels) else ""
        row = Row(
            path_of(class_id, track, frame, extension),
            class_id,
            label,
            track_name(class_id, track),
            frame,
            split,
            *size,
            *box,
            hashlib.sha256(image).hexdigest(),
        )
        refuse(row.problems(self._labels), "an image")
        if row.path in self._rows:
            raise DatasetError(f"{row.path}: expected once, found twice")
        self._rows[row.path] = row
        path = self._folder / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)

    def _finish(self) -> None:
        rows = [self._rows[path] for path in sorted(self._rows)]
        if not rows:
            raise DatasetError(f"{self._about['name']}: expected images, found none")
        refuse(problems(rows, self._labels), str(self._about["name"]))
        tables.write(rows, Row, self._folder / INDEX)
        about = {**self._about, "counts": counts(rows), "digest": digest(rows)}
        folders.write_about(self._folder / ABOUT, about)
