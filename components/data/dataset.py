"""The dataset folder: write it, read it, verify it.

::

    with DatasetWriter(folder, name="signs", source="rendered", labels=LABELS, seed=1) as writer:
        writer.add(png, class_id=14, track=3, frame=7, split="train", size=(96, 96), box=(9, 9, 87, 87))

    dataset = read(folder)
    train = dataset.split("train")
    train.class_ids[0], train.read_bytes(0)

The digest in ``dataset.json`` is the content's identity (``index.digest``): a model trained on the dataset records it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data import folders, tables
from components.data.index import ABOUT, FORMAT, INDEX, SPLITS, Row, counts, digest, problems, refuse
from components.data.writer import DatasetWriter
from components.errors import DatasetError

__all__ = ["Dataset", "DatasetWriter", "Split", "read", "verify"]


@dataclass(frozen=True)
class Split:
    """The images of one split, in the order of their paths.

    Attributes:
        folder: The dataset's.
        name: ``train``, ``validation`` or ``test``.
        rows: One an image.
    """

    folder: Path
    name: str
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The images' paths, relative to the dataset."""
        return tuple(row.path for row in self.rows)

    @cached_property
    def tracks(self) -> tuple[str, ...]:
        """Each image's track, such as ``00014/00003``; equal for the frames of one physical sign."""
        return tuple(row.track for row in self.rows)

    @cached_property
    def class_ids(self) -> NDArray[np.int32]:
        """Each image's class, int32 ``(images,)``."""
        return np.array([row.class_id for row in self.rows], np.int32)

    @cached_property
    def boxes(self) -> NDArray[np.int32]:
        """Each sign's box in pixels, int32 ``(images, 4)`` as x1, y1, x2, y2; right and lower edge excluded."""
        return np.array([(r.x1, r.y1, r.x2, r.y2) for r in self.rows], np.int32).reshape(-1, 4)

    def read_bytes(self, i: int) -> bytes:
        """Returns the encoded image ``i``.

        Raises:
            DatasetError: The file is missing, or its bytes are not those that the index names.
        """
        return folders.read_checked(self.folder, self.rows[i].path, self.rows[i].sha256)


@dataclass(frozen=True)
class Dataset:
    """A dataset that was read.

    Attributes:
        folder: Where it lies.
        name: What people call it.
        source: Where its images came from: ``rendered``, or a URI.
        seed: Of whatever was drawn by lot.
        labels: One a class.
        digest: The content's identity.
        rows: One an image, in the order of their paths.
    """

    folder: Path
    name: str
    source: str
    seed: int
    labels: tuple[str, ...]
    digest: str
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The number of images of each split."""
        return counts(self.rows)

    def read_bytes(self, row: Row) -> bytes:
        """Returns the encoded image of a row; errors as in ``Split.read_bytes``."""
        return folders.read_checked(self.folder, row.path, row.sha256)

    def split(self, name: str) -> Split:
        """Returns one split; it may be empty.

        Raises:
            DatasetError: There is no split of that name.
        """
        if name not in SPLITS:
            raise DatasetError(f"expected a split among {', '.join(SPLITS)}, found {name!r}")
        return Split(self.folder, name, tuple(row for row in self.rows if row.split == name))


def read(folder: Path) -> Dataset:
    """Reads a dataset's index and description; an image's bytes are checked when they are read.

    Raises:
        DatasetError: The folder is no dataset, or index and description contradict themselves or each other.
    """
    about = _read_about(folder / ABOUT)
    if not (folder / INDEX).is_file():
        raise DatasetError(f"{folder}: expected {INDEX}, found none")
    rows = sorted(tables.read(folder / INDEX, Row), key=lambda row: row.path)
    found = [*problems(rows, about["labels"])]
    if about["counts"] != counts(rows):
        found.append(f"{ABOUT}: expected the counts {counts(rows)}, found {about['counts']}")
    if about["digest"] != digest(rows):
        found.append(f"{ABOUT}: expected the digest {digest(rows)}, found {about['digest']}")
    refuse(found, str(folder))
    labels = tuple(about["labels"])
    return Dataset(folder, about["name"], about["source"], about["seed"], labels, about["digest"], tuple(rows))


def verify(folder: Path, beside: Collection[str] = ()) -> Dataset:
    """Reads a dataset and checks every file of it.

    Args:
        folder: The dataset.
        beside: Files and folders at its top that are another format's; they are not looked at.

    Raises:
        DatasetError: Says all that differs: what ``read`` refuses, or missing, extra and changed files.
    """
    dataset = read(folder)
    rows = {row.path: row for row in dataset.rows}
    found, plain = folders.compare(folder, {*rows, INDEX, ABOUT}, beside)
    for path in plain:
        if path in rows:
            found += _differences(folder, rows[path])
    refuse(found, str(folder))
    return dataset


def _differences(folder: Path, row: Row) -> Iterator[str]:
    try:
        folders.read_checked(folder, row.path, row.sha256)
    except DatasetError as error:
        yield str(error)


def _read_about(path: Path) -> dict[str, Any]:
    about = folders.read_about(path, {})
    if about["format"] != FORMAT:
        raise DatasetError(f"{path}: expected the format {FORMAT}, found {about['format']}")
    return about
