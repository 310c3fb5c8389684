"""Files and folders that are whole or not there, and what was being written where a program was killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a name beside ``path``; what was written there takes the place of ``path`` when the block ends well.

    The names beside it are always the same, so that what a killed run left is swept away by the next one. A folder
    that is in the way is renamed before it is removed: at any moment, ``path`` is whole or not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    partial, old = _beside(path)
    try:
        yield partial
        partial.lstat()  # was anything written? If not, what is there stays.
        if path.is_dir():  # a folder cannot be renamed over a full one
            path.rename(old)
        os.replace(partial, path)
    finally:
        sweep(path)


def sweep(path: Path) -> None:
    """Removes what ``replacing`` has left beside ``path`` where it was killed."""
    for left in _beside(path):
        _remove(left)


def _beside(path: Path) -> tuple[Path, Path]:
    return path.parent / f".{path.name}.partial", path.parent / f".{path.name}.old"


@contextmanager
def scratch(output: Path) -> Iterator[Path]:
    """Yields an empty folder beside an output, where there is a disk; ``/tmp`` of a container may lie in memory.

    Its name is always the same, so that what a killed run left is swept away by the next one.
    """
    path = output.parent / f".{output.name}.scratch"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
