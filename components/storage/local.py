"""Places on this machine: plain files, written beside and renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from components.errors import StorageError
from components.storage.base import Entry, Place, whole


@dataclass(frozen=True)
class LocalPlace(Place):
    """A file or folder at an absolute path."""

    path: Path

    @property
    def uri(self) -> str:
        """``file:///…``, with what a URI cannot hold encoded."""
        return self.path.as_uri()

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.name

    @property
    def local(self) -> Path:
        """The path."""
        return self.path

    def _below(self, names: list[str]) -> Place:
        return LocalPlace(self.path.joinpath(*names))

    def entries(self) -> list[Entry]:
        """Regular files and folders; links to folders are not followed, so that no circle is walked."""
        with _errors("listing", self):
            try:
                with os.scandir(self.path) as scanned:
                    found = [entry for one in scanned if (entry := self._entry(one))]
            except FileNotFoundError:
                return []
        return sorted(found, key=_order)

    def _entry(self, found: os.DirEntry[str]) -> Entry | None:
        below = LocalPlace(self.path / found.name)
        if found.is_dir(follow_symlinks=False):
            return Entry(below, 0, 0.0, folder=True)
        if _is_partial(found.name) or not found.is_file():
            return None
        try:
            status = found.stat()
        except FileNotFoundError:  # removed since the folder was read
            return None
        return Entry(below, status.st_size, status.st_mtime)

    def exists(self) -> bool:
        """Whether there is anything at the path."""
        return self.path.exists()

    def open(self) -> IO[bytes]:
        """Opens the file."""
        with _errors("reading", self):
            return self.path.open("rb")

    def read_range(self, start: int, length: int) -> bytes:
        """Seeks, and reads that much."""
        with _errors("reading", self), self.path.open("rb") as file:
            file.seek(start)
            data = file.read(length)
        return whole(data, start, length, self)

    def write_bytes(self, data: bytes) -> None:
        """Writes beside the path, fsyncs and renames."""
        with _errors("writing", self), self._replacing() as partial:
            partial.write_bytes(data)

    def put_file(self, local_path: Path, *, move: bool = False) -> None:
        """Copies beside the path, fsyncs and renames; a move within a file system only renames."""
        with _errors("writing", self):
            if move and self._renamed(local_path):
                return
            with self._replacing() as partial:
                shutil.copyfile(local_path, partial)
            if move:
                local_path.unlink()

    def _renamed(self, source: Path) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_dev != self.path.parent.stat().st_dev:
            return False
        _sync(source)
        os.replace(source, self.path)
        _sync(self.path.parent)
        return True

    @contextmanager
    def _replacing(self) -> Iterator[Path]:
        # A name of its own for every writer: two may write the same place at once, and the last rename wins.
        partial = self.path.with_name(f".{self.path.name[:200]}.{uuid.uuid4().hex[:12]}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _sync(partial)
            os.replace(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)
        _sync(self.path.parent)

    def delete(self) -> None:
        """Unlinks the file."""
        with _errors("deleting", self):
            self.path.unlink(missing_ok=True)


def _order(entry: Entry) -> str:
    # Keys order "a.txt" before "a/b": a folder compares with its slash.
    return entry.place.name + "/" if entry.folder else entry.place.name


def _is_partial(name: str) -> bool:
    return name.startswith(".") and name.endswith(".partial")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _errors(doing: str, place: Place) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{doing} {place}: found {error.strerror or error}") from error
