"""Where pictures come from: any folder of them, a classifier's dataset, or scenes, whose true boxes are known."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components import foreign_json
from components.clarify.looking import Truth
from components.clarify.pictures import orientation, turned, upright
from components.errors import ImageError, InputError
from components.images import Limits, Pixels

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".pnm")

_ABOUT = "dataset.json"
_MOST = 1_000_000  # pictures in a folder
_ABOUT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Objects:
    """The true objects of a stored picture: labels, and boxes ``(objects, 4)`` in its pixels."""

    labels: Sequence[str]
    boxes: NDArray[np.float64]

    def truth(self, classes: Mapping[str, int]) -> Truth:
        """Returns them in the model's classes, by label; an object of a label that it has not is of class -1."""
        return Truth(np.array([classes.get(label, -1) for label in self.labels], np.int64), self.boxes)


@dataclass(frozen=True)
class Source:
    """One picture.

    Attributes:
        name: Its path in the folder.
        read: Returns its bytes.
        objects: What it shows; None where that is not known.
    """

    name: str
    read: Callable[[], bytes]
    objects: Objects | None = None

    def open(self) -> tuple[Pixels, Objects | None]:
        """Returns the upright picture ``(H, W, 3)`` and its objects, their boxes as shares of its sides.

        Raises:
            ImageError: It is no acceptable picture.
            DatasetError: The file is not the one that was indexed.
        """
        data = self.read()
        image = upright(data)
        if self.objects is None:
            return image, None
        turn = orientation(data)
        height, width = image.shape[:2] if turn < 5 else image.shape[1::-1]
        boxes = turned(self.objects.boxes / [width, height, width, height], turn)
        return image, Objects(self.objects.labels, np.clip(boxes, 0, 1))


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder in the order of their paths, and the labels that its description names by class."""

    found: Sequence[Source]
    labels: Sequence[str] = ()

    def drawn(self, seed: int) -> list[Source]:
        """Returns the pictures in an order drawn with a seed."""
        return random.Random(seed).sample(self.found, len(self.found))


def pictures(folder: Path, split: str, wanted: Sequence[str] | None = None) -> Pictures:
    """Returns the pictures of a folder.

    Args:
        folder: A scenes folder, a dataset, or any folder with pictures (by suffix, in sub-folders too); or one picture.
        split: Of the first two: ``train``, ``validation``, ``test``, or empty for all.
        wanted: Names to keep, paths in the folder or file names (``debug.image_names``); None keeps all.

    Raises:
        DatasetError: The dataset is damaged, or has no such split.
        InputError: There is no picture.
    """
    about = _about(folder)
    if about is None:
        found = _files(folder)
    elif about.get("task") == "detection":
        found = _scenes(folder, split)
    else:
        found = _dataset(folder, split)
    kept = [s for s in found.found if wanted is None or s.name in wanted or Path(s.name).name in wanted]
    if not kept:
        raise InputError(f"expected pictures ({', '.join(SUFFIXES)}) in {folder.name!r}, found none that is asked for")
    return Pictures(kept, found.labels)


def _about(folder: Path) -> dict[str, Any] | None:
    path = folder / _ABOUT
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            about = foreign_json.loads(file.read(_ABOUT_BYTES))
    except ValueError as error:
        raise InputError(f"{_ABOUT}: expected a dataset's description, found {type(error).__name__}") from None
    return about if isinstance(about, dict) else {}


def _files(folder: Path) -> Pictures:
    if folder.is_file():
        return Pictures([Source(folder.name, _reading(folder))])
    paths = []
    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
            paths.append(path)
        if len(paths) > _MOST:
            raise InputError(f"expected at most {_MOST} pictures in a folder, found more")
    named = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    return Pictures([Source(name, _reading(path)) for name, path in named])


def _reading(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        limit = Limits().bytes
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if not data:
            raise ImageError("expected a picture, found an empty file")
        return data

    return read


def _scenes(folder: Path, split: str) -> Pictures:
    from components.data.scenes.dataset import read

    scenes = read(folder)
    parts = [scenes.split(split)] if split else [scenes.split(name) for name in scenes.counts]
    found = []
    for part in parts:
        for i, path in enumerate(part.paths):
            there = part.objects(i)
            labels = [scenes.labels[c] for c, crowd in zip(there.class_ids, there.crowd, strict=True) if not crowd]
            boxes = there.boxes[~there.crowd].astype(np.float64)
            found.append(Source(path, _nth(part, i), Objects(labels, boxes)))
    return Pictures(found, scenes.labels)


def _dataset(folder: Path, split: str) -> Pictures:
    from components.data.dataset import read

    dataset = read(folder)
    parts = [dataset.split(split)] if split else [dataset.split(name) for name in dataset.counts]
    found = [Source(path, _nth(part, i)) for part in parts for i, path in enumerate(part.paths)]
    return Pictures(found, dataset.labels)


def _nth(part: Any, i: int) -> Callable[[], bytes]:
    return lambda: part.read_bytes(i)
