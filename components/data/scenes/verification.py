"""Checks a scenes folder file by file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.data import folders
from components.data.index import refuse
from components.data.scenes.index import ABOUT, IMAGES, OBJECTS, ImageRow
from components.data.scenes.reading import Scenes, read
from components.errors import DatasetError, ImageError
from components.images import decode


def verify(folder: Path) -> Scenes:
    """Reads a dataset and checks every file of it, the stored sizes of the pictures included.

    Raises:
        DatasetError: Says all that differs: what ``read`` refuses, or missing, extra and changed files.
    """
    scenes = read(folder)
    images = {image.path: image for image in scenes.images}
    found, plain = folders.compare(folder, {*images, IMAGES, OBJECTS, ABOUT})
    for path in plain:
        if path in images:
            found += _differences(folder, images[path])
    refuse(found, str(folder))
    return scenes


def _differences(folder: Path, image: ImageRow) -> Iterator[str]:
    try:
        height, width = decode(folders.read_checked(folder, image.path, image.sha256)).shape[:2]
    except DatasetError as error:
        yield str(error)
    except ImageError as error:
        yield f"{image.path}: {error}"
    else:
        if (width, height) != (image.width, image.height):
            yield f"{image.path}: expected {image.width} × {image.height} pixels, found {width} × {height}"
