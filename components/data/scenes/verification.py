"""Checks a scenes folder file by file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.data.index import refuse
from components.data.scenes.index import ABOUT, IMAGES, OBJECTS, ImageRow
from components.data.scenes.reading import Scenes, read, read_image
from components.errors import DatasetError, ImageError
from components.images import decode


def verify(folder: Path) -> Scenes:
    """Reads a dataset and checks every file of it, the stored sizes of the pictures included.

    Raises:
        DatasetError: Says all that differs: what ``read`` refuses, or missing, extra and changed files.
    """
    scenes = read(folder)
    images = {image.path: image for image in scenes.images}
    present = {
        p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_symlink() or not p.is_dir()
    }
    expected = {*images, IMAGES, OBJECTS, ABOUT}
    found = [f"{path}: expected a file, found none" for path in sorted(expected - present.keys())]
    found += [f"{path}: expected nothing, found a file" for path in sorted(present.keys() - expected)]
    for path in sorted(expected & present.keys()):
        if present[path].is_symlink() or not present[path].is_file():
            found.append(f"{path}: expected a plain file, found a link or a special file")
        elif path in images:
            found += _differences(folder, images[path])
    refuse(found, str(folder))
    return scenes


def _differences(folder: Path, image: ImageRow) -> Iterator[str]:
    try:
        height, width = decode(read_image(folder, image)).shape[:2]
    except DatasetError as error:
        yield str(error)
    except ImageError as error:
        yield f"{image.path}: {error}"
    else:
        if (width, height) != (image.width, image.height):
            yield f"{image.path}: expected {image.width} × {image.height} pixels, found {width} × {height}"
