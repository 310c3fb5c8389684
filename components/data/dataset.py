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

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data.index import ABOUT, FORMAT, INDEX, SPLITS, Row, counts, digest, problems, read_index, refuse
from components.data.writer import DatasetWriter
from components.errors import DatasetError

__all__ = ["Dataset", "DatasetWriter", "Split", "read", "verify"]

_MAX_ABOUT = 1024 * 1024


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
        return _read_image(self.folder, self.rows[i])


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
        return _read_image(self.folder, row)

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
    rows = sorted(read_index(folder / INDEX), key=lambda row: row.path)
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
    sha256 = {row.path: row.sha256 for row in dataset.rows}
    present = {
        p.relative_to(folder).as_posix(): p
        for p in sorted(folder.rglob("*"))
        if (p.is_symlink() or not p.is_dir()) and p.relative_to(folder).parts[0] not in beside
    }
    expected = {*sha256, INDEX, ABOUT}
    found = [f"{path}: expected a file, found none" for path in sorted(expected - present.keys())]
    found += [f"{path}: expected nothing, found a file" for path in sorted(present.keys() - expected)]
    for path in sorted(expected & present.keys()):
        if present[path].is_symlink() or not present[path].is_file():
            found.append(f"{path}: expected a plain file, found a link or a special file")
        elif path in sha256 and hashlib.sha256(present[path].read_bytes()).hexdigest() != sha256[path]:
            found.append(f"{path}: expected the bytes with the sha256 {sha256[path]}, found others")
    refuse(found, str(folder))
    return dataset


def _read_image(folder: Path, row: Row) -> bytes:
    try:
        data = (folder / row.path).read_bytes()
    except OSError as error:
        raise DatasetError(f"{row.path}: expected an image, found none ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise DatasetError(f"{row.path}: expected the bytes with the sha256 {row.sha256}, found others")
    return data


def _read_about(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            about = json.loads(file.read(_MAX_ABOUT))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: expected a dataset's description, found {type(error).__name__}: {error}") from None
    kinds = {"format": int, "name": str, "source": str, "seed": int, "labels": list, "counts": dict, "digest": str}
    if not isinstance(about, dict) or any(type(about.get(key)) is not kind for key, kind in kinds.items()):
        raise DatasetError(f"{path}: expected {', '.join(f'{k} ({v.__name__})' for k, v in kinds.items())}")
    if about["format"] != FORMAT:
        raise DatasetError(f"{path}: expected the format {FORMAT}, found {about['format']}")
    if not about["labels"] or not all(isinstance(label, str) for label in about["labels"]):
        raise DatasetError(f"{path}: expected a list of names as labels, found {str(about['labels'])[:80]}")
    return about
