"""What every folder of data has: an empty beginning, a description, and files that are what their digests say."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from components import foreign_json
from components.errors import DatasetError

_MAX_ABOUT = 1024 * 1024
_MAX_IMAGE = 64 * 1024 * 1024
_KINDS = {"format": int, "name": str, "source": str, "seed": int, "labels": list, "counts": dict, "digest": str}


def begin(folder: Path) -> None:
    """Makes the folder that is to be filled.

    Raises:
        DatasetError: It is there, and not empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise DatasetError(f"{folder}: expected an empty folder to write a dataset to, found files")


def write_about(path: Path, about: Mapping[str, Any]) -> None:
    """Writes a dataset's description as JSON."""
    path.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_about(path: Path, more: Mapping[str, type]) -> dict[str, Any]:
    """Returns a dataset's description, each key of its kind.

    Args:
        path: ``dataset.json``.
        more: Kinds of the keys that it must have beside those that every dataset has.

    Raises:
        DatasetError: There is none, or it is no JSON of that form.
    """
    try:
        about = foreign_json.loads(_plain(path, _MAX_ABOUT))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: expected a dataset's description, found {type(error).__name__}: {error}") from None
    kinds = {**_KINDS, **more}
    if not isinstance(about, dict) or any(type(about.get(key)) is not kind for key, kind in kinds.items()):
        raise DatasetError(f"{path}: expected {', '.join(f'{k} ({v.__name__})' for k, v in kinds.items())}")
    if not about["labels"] or not all(isinstance(label, str) for label in about["labels"]):
        raise DatasetError(f"{path}: expected a list of names as labels, found {str(about['labels'])[:80]}")
    return about


def read_checked(folder: Path, path: str, sha256: str) -> bytes:
    """Returns a file of the dataset, an encoded image.

    Raises:
        DatasetError: It is missing, or its bytes are not those of the digest.
    """
    try:
        data = _plain(folder / path, _MAX_IMAGE)
    except OSError as error:
        raise DatasetError(f"{path}: expected an image, found none ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DatasetError(f"{path}: expected the bytes with the sha256 {sha256}, found others")
    return data


def _plain(path: Path, most: int) -> bytes:
    """Returns at most ``most`` bytes of a plain file: a pipe would be waited for, and a device has no end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no plain file")
    with path.open("rb") as file:
        return file.read(most)


def compare(folder: Path, expected: Collection[str], beside: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """Compares a folder's files with those that it should have.

    Args:
        folder: The dataset.
        expected: Paths relative to it.
        beside: Files and folders at its top that are another format's; they are not looked at.

    Returns:
        What is wrong, and the expected paths at which a plain file lies.
    """
    present = {
        p.relative_to(folder).as_posix(): p
        for p in sorted(folder.rglob("*"))
        if (p.is_symlink() or not p.is_dir()) and p.relative_to(folder).parts[0] not in beside
    }
    there = sorted(present.keys() & set(expected))
    plain = [path for path in there if not present[path].is_symlink() and present[path].is_file()]
    found = [f"{path}: expected a file, found none" for path in sorted(set(expected) - present.keys())]
    found += [f"{path}: expected nothing, found a file" for path in sorted(present.keys() - set(expected))]
    odd = sorted(set(there) - set(plain))
    found += [f"{path}: expected a plain file, found a link or a special file" for path in odd]
    return found, plain
