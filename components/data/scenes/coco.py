"""Reads a dataset in COCO's format: pictures, and JSON files of instances.

::

    annotations/instances_train2017.json    train2017/000000000009.jpg
    annotations/instances_val2017.json      val2017/000000000139.jpg

The format is that of cocodataset.org, "Data format", 1. Object Detection: ``bbox`` is ``[x, y, width, height]`` in
pixels from the upper left corner; ``iscrowd`` is kept. The classes' numbers are the places of the categories in the
order of their ids, which need not be contiguous. A JSON file's split is told by its name or its folder (train, val,
valid, validation, test); what has no split is dealt by lot. A picture is looked for beside its JSON file, in
``images/``, in the folder that the file is named after (``train2017``), and in the place itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from components.data.index import refuse
from components.data.scenes.conversion import Annotated, Picture
from components.data.scenes.files import Files
from components.data.scenes.index import Box
from components.errors import DatasetError

MAX_BYTES = 1024**3

_SPLIT = re.compile(r"(?<![a-z])(train|validation|valid|val|test)(?![a-z])")
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}

Identity = int | str


def read(files: Files, classes: Sequence[str] = ()) -> tuple[list[Picture], tuple[str, ...]]:
    """Reads every JSON file of instances.

    Args:
        files: The folder; where it holds ``instances_*.json``, other JSON files are left alone.
        classes: Names of categories in the order of their numbers; all, in the order of their ids, when empty.

    Returns:
        The pictures, and the classes' names.

    Raises:
        DatasetError: Says everything that is malformed, and every picture that is missing.
    """
    problems: list[str] = []
    names = [name for name in files.names if name.endswith(".json")]
    names = [n for n in names if PurePosixPath(n).name.startswith("instances_")] or names
    if not names:
        problems.append(f"expected annotations/instances_*.json, found {', '.join([*files.names][:3])}")
    categories: dict[Identity, str] = {}
    pictures = [picture for name in names for picture in _File(files, name, problems).pictures(categories)]
    labels = [categories[key] for key in sorted(categories, key=lambda key: (isinstance(key, str), key))]
    problems += (f"expected a category once, found {label!r} twice" for label in {*labels} if labels.count(label) > 1)
    problems += (f"expected the category {label!r}, found none" for label in classes if label not in labels)
    refuse(problems, str(files.base))
    return pictures, tuple(classes) or tuple(labels)


class _File:
    """One JSON file; what is wrong is added to ``problems`` with the file's name."""

    def __init__(self, files: Files, name: str, problems: list[str]) -> None:
        self._files, self._name, self._problems = files, name, problems
        path = PurePosixPath(name)
        told = [_SPLIT.findall(part.lower()) for part in (path.stem, path.parent.name)]
        self._split = next((_SPLITS[found[-1]] for found in told if found), "")
        folder = path.stem.removeprefix("instances_")
        # In the order of preference.
        beside = "" if path.parent == PurePosixPath() else f"{path.parent}/"
        self._folders = (beside, f"{beside}images/", "images/", f"images/{folder}/", f"{folder}/", "")

    def pictures(self, categories: dict[Identity, str]) -> Iterator[Picture]:
        """Yields the pictures with their objects, and adds the file's categories."""
        content = self._content()
        if content is None:
            return
        names = self._categories(content["categories"], categories)
        objects: dict[Identity, list[Annotated]] = {}
        images = {}
        for i, image in enumerate(content["images"]):
            if (key := self._key(image, "id", f"images[{i}]")) is None:
                continue
            if key in images:
                self._say(f"images[{i}]", f"expected each id once, found {key!r} twice")
            images[key] = (i, image)
        for i, annotation in enumerate(content["annotations"]):
            try:
                key, one = _object(annotation, names)
                if key not in images:
                    raise DatasetError(f"expected the image_id of an image, found {str(key)[:80]!r}")
                objects.setdefault(key, []).append(one)
            except DatasetError as error:
                self._say(f"annotations[{i}]", str(error))
        for key, (i, image) in images.items():
            try:
                yield self._picture(image, tuple(objects.get(key, ())), i)
            except DatasetError as error:
                self._say(f"images[{i}]", str(error))

    def _content(self) -> dict[str, list[Any]] | None:
        import orjson

        try:
            content = orjson.loads(self._files.read(self._name, MAX_BYTES))
        except (orjson.JSONDecodeError, DatasetError) as error:
            self._problems.append(f"{self._name}: expected JSON, found {error}")
            return None
        wanted = ("images", "annotations", "categories")
        if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in wanted):
            self._problems.append(f"{self._name}: expected an object with the lists {', '.join(wanted)}")
            return None
        return content

    def _categories(self, given: list[Any], categories: dict[Identity, str]) -> dict[Identity, str]:
        names: dict[Identity, str] = {}
        for i, category in enumerate(given):
            where = f"categories[{i}]"
            if (key := self._key(category, "id", where)) is None:
                continue
            label = category.get("name")
            if not isinstance(label, str) or not 0 < len(label) <= 200:
                self._say(where, f"expected a name of 1 to 200 characters, found {str(label)[:40]!r}")
            elif key in names or categories.setdefault(key, label) != label:
                self._say(where, f"expected one name for the id {key!r}, found {label!r} too")
            else:
                names[key] = label
        return names

    def _key(self, given: Any, name: str, where: str) -> Identity | None:
        try:
            return _identity(given, name)
        except DatasetError as error:
            self._say(where, str(error))
            return None

    def _picture(self, image: dict[str, Any], objects: tuple[Annotated, ...], i: int) -> Picture:
        file_name, size = image.get("file_name"), (image.get("width"), image.get("height"))
        if not isinstance(file_name, str):
            raise DatasetError(f"expected a file_name, found {str(file_name)[:80]!r}")
        width, height = size
        if type(width) is not int or type(height) is not int or not (width > 0 and height > 0):
            raise DatasetError(f"expected width and height in pixels, found {str(size)[:80]}")
        name = next((n for folder in self._folders if (n := folder + file_name) in self._files.names), None)
        if name is None:
            raise DatasetError(f"expected the picture {file_name[:200]!r}, found none")
        return Picture(name, f"{self._name}, images[{i}]", self._split, (width, height), objects)

    def _say(self, where: str, what: str) -> None:
        self._problems.append(f"{self._name}, {where}: {what}")


def _identity(given: Any, name: str) -> Identity:
    key = given.get(name) if isinstance(given, dict) else None
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise DatasetError(f"expected an object with {name}, found {str(given)[:80]}")
    return key


def _object(given: Any, names: dict[Identity, str]) -> tuple[Identity, Annotated]:
    key, category = _identity(given, "image_id"), _identity(given, "category_id")
    if category not in names:
        raise DatasetError(f"expected the category_id of a category, found {str(category)[:80]!r}")
    crowd = given.get("iscrowd", 0)
    if isinstance(crowd, float) or crowd not in (0, 1):
        raise DatasetError(f"expected 0 or 1 as iscrowd, found {str(crowd)[:80]}")
    return key, Annotated(names[category], _box(given.get("bbox")), crowd=bool(crowd))


def _box(given: Any) -> Box:
    numbers = isinstance(given, list) and len(given) == 4 and all(type(v) in (int, float) for v in given)
    if not numbers or not all(math.isfinite(v) and abs(v) < 1e9 for v in given):
        raise DatasetError(f"expected four numbers as bbox, found {str(given)[:80]}")
    x, y, width, height = (float(v) for v in given)
    if not (width > 0 and height > 0):
        raise DatasetError(f"expected a bbox with an area, found {str(given)[:80]}")
    return (x, y, x + width, y + height)
