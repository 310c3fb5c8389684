"""What every place can do; ``local.py`` and ``s3.py`` say how."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from components.errors import StorageError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Entry(NamedTuple):
    """One thing in a folder.

    Attributes:
        place: Where it is.
        size: In bytes; 0 for a folder.
        modified: UTC seconds since 1970; 0.0 for a folder.
        folder: Whether it is a folder.
    """

    place: Place
    size: int
    modified: float
    folder: bool = False


class Place(ABC):
    """A file or folder, or an object or prefix in a bucket; made by ``components.storage.place``."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """The place as ``place`` reads it, with its scheme."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The last segment; empty for a bucket's root."""

    @property
    def local(self) -> Path | None:
        """The path on this machine, or None where it has none."""
        return None

    def child(self, *names: str) -> Place:
        """Returns the place below this one; each name may hold several segments with "/" between them.

        Raises:
            StorageError: A segment is empty, ``.`` or ``..``, or holds a control character.
        """
        return self._below([segment for name in names for segment in segments(name)])

    def files(self, recursive: bool = True) -> Iterator[Entry]:
        """Yields the files below this folder in the order of their keys; nothing where there is no such folder.

        One folder at a time is held in memory.

        Raises:
            StorageError: The store cannot be read.
        """
        for entry in self.entries():
            if not entry.folder:
                yield entry
            elif recursive:
                yield from entry.place.files()

    def __str__(self) -> str:
        return self.uri

    @abstractmethod
    def _below(self, names: list[str]) -> Place: ...

    @abstractmethod
    def entries(self) -> list[Entry]:
        """Returns what lies directly in this folder, files and folders, in the order of their keys.

        Raises:
            StorageError: The store cannot be read.
        """

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is a file or folder here."""

    @abstractmethod
    def open(self) -> IO[bytes]:
        """Returns a stream to read the file from its start.

        Raises:
            StorageError: There is no such file, or it cannot be read.
        """

    def read_bytes(self, limit: int | None = None) -> bytes:
        """Returns the whole file.

        Args:
            limit: The most bytes to take; one more is an error, found before more than that is read.

        Raises:
            StorageError: There is no such file, it cannot be read, or it is over the limit.
        """
        with self.open() as stream:
            if limit is None:
                return stream.read()
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise StorageError(f"reading {self}: expected at most {limit} bytes, found more")
        return data

    @abstractmethod
    def read_range(self, start: int, length: int) -> bytes:
        """Returns ``length`` bytes of the file from ``start``; nothing else of it is fetched.

        Raises:
            StorageError: There is no such file, it cannot be read, or it ends before them.
        """

    @abstractmethod
    def write_bytes(self, data: bytes) -> None:
        """Writes the file; it appears whole or not at all, and replaces what was there.

        Raises:
            StorageError: The place cannot be written.
        """

    @abstractmethod
    def put_file(self, local_path: Path, *, move: bool = False) -> None:
        """Copies a file of this machine here; it appears whole or not at all.

        Args:
            local_path: What to copy.
            move: Remove the source afterwards; within one file system the bytes then stay where they are.

        Raises:
            StorageError: The source cannot be read, or the place not written.
        """

    @abstractmethod
    def delete(self) -> None:
        """Removes the file; one that is gone already is no error.

        Raises:
            StorageError: It cannot be removed.
        """


def whole(data: bytes, start: int, length: int, place: Place) -> bytes:
    """Returns what was read of a range, if it is all of it.

    Raises:
        StorageError: It is less.
    """
    if len(data) != length:
        raise StorageError(f"reading {place}: expected {length} bytes from {start}, found {len(data)}")
    return data


def segments(key: str) -> list[str]:
    """Splits a relative key at "/" and checks each segment.

    Raises:
        StorageError: A segment is empty, ``.`` or ``..``, or holds a control character.
    """
    parts = key.split("/")
    for part in parts:
        if part in ("", ".", ".."):
            raise StorageError(f"expected a key without empty, '.' or '..' segments, found {key[:200]!r}")
        if _CONTROL.search(part):
            raise StorageError(f"expected a key without control characters, found {key[:200]!r}")
    return parts
