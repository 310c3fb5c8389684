"""The files that the writer process appends to, and what is done about those a killed one left behind.

``{spool}/{digest of the place}/{endpoint}/{variant}/yyyy/mm/dd/hh/{mm-ss-mmm-id}.jsonl.open`` is being written and is
locked (flock) by its writer; the same name without ``.open`` is finished and waits to be moved to its place under the
same key. A lock goes with its process, so an ``.open`` file without one was left by a writer that was killed: it is cut
behind its last newline and finished. What was handed to the kernel survives the death of the process; against the death
of the machine, files are fsynced when they are moved (``storage``), not before.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.capture import record
from components.errors import StorageError

OPEN = ".open"
_CHUNK = 256 * 1024  # bytes a write; a full spool or disk takes or refuses as much at once


@dataclass(frozen=True)
class Rotation:
    """When a file is finished: the seconds since its first record, or its bytes, whichever comes first."""

    seconds: float
    bytes: int


@dataclass
class _File:
    """The file being written."""

    path: Path
    descriptor: int
    size: int
    hour: int
    started: float

    @property
    def final(self) -> Path:
        return _final(self.path)


class Spool:
    """A bounded store of records on this machine; one thread writes, another may release what it moved on.

    Args:
        root: The spool of this place (``folder_of``).
        endpoint: The endpoint's name.
        variant: The variant's name.
        rotation: When a file is finished.
        limit: The most bytes that lie in the spool, finished files included.
        finished: What a finished file is handed to.

    Attributes:
        used: Bytes that lie in the spool.
        written: Records, since the start.
        bytes: Of these records.
        errors: How often the disk refused.
    """

    def __init__(
        self,
        root: Path,
        endpoint: str,
        variant: str,
        rotation: Rotation,
        limit: int,
        finished: Callable[[Path], None],
    ) -> None:
        self.root = root
        self.used = self.written = self.bytes = self.errors = 0
        self._endpoint, self._variant = endpoint, variant
        self._rotation, self._limit, self._finished = rotation, limit, finished
        self._file: _File | None = None
        self._failing = False
        self._held: dict[Path, int] = {}
        self._lock = threading.Lock()

    def write(self, lines: Sequence[tuple[float, bytes]]) -> None:
        """Appends records, given as (time in seconds, line); ``written`` tells how many a full spool or disk took."""
        for records in _chunks(lines, min(_CHUNK, self._rotation.bytes)):
            hour = int(records[0][0] // 3600)
            # A record may be an hour late, the reader allows for that; a later hour gets a file of its own.
            if self._file and not self._file.hour - 1 <= hour <= self._file.hour:
                self.finish()
            data = b"".join(line for _, line in records)
            if self.used + len(data) > self._limit:
                continue
            try:
                self._append(self._file or self._start(records[0][0]), data)
            except OSError as error:
                self._failed(error)
                self.finish()  # what is there may leave for its place, and makes room
                continue
            self._failing = False
            self.written += len(records)
            self.bytes += len(data)
            if self._file and self._file.size >= self._rotation.bytes:
                self.finish()

    def _failed(self, error: OSError) -> None:
        self.errors += 1
        if not self._failing:
            print(f"capture: writing the spool: found {error}; records are dropped", file=sys.stderr, flush=True)
        self._failing = True

    def _append(self, file: _File, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(file.descriptor, rest) :]
        except OSError:
            os.ftruncate(file.descriptor, file.size)  # no half line stays behind
            os.lseek(file.descriptor, file.size, os.SEEK_SET)
            raise
        file.size += len(data)
        self._hold(file.final, file.size)

    def _start(self, seconds: float) -> _File:
        folder = self.root / record.folder(self._endpoint, self._variant, seconds)
        while True:
            path = folder / (record.file_name(seconds, str(uuid.uuid4())) + OPEN)
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            if _locked(descriptor) and path.exists():  # else a recovering writer took it for abandoned
                self._file = _File(path, descriptor, 0, int(seconds // 3600), time.monotonic())
                return self._file
            os.close(descriptor)

    def due(self) -> float:
        """Returns the seconds until the open file is to be finished; infinite where none is open."""
        if self._file is None:
            return float("inf")
        return max(0.0, self._file.started + self._rotation.seconds - time.monotonic())

    def finish(self) -> None:
        """Closes the open file, gives it its final name and hands it over."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if file.size:
                os.rename(file.path, file.final)
                self._finished(file.final)
            else:
                file.path.unlink()
        except OSError as error:
            self._failed(error)
        finally:
            os.close(file.descriptor)

    def recover(self) -> Iterator[Path]:
        """Finishes what killed writers left and yields every finished file of the spool, oldest key first."""
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                found = _rescued(path) if name.endswith(OPEN) else path
                if found:
                    self._hold(found, found.stat().st_size)
                    yield found

    def release(self, path: Path) -> None:
        """Takes a file that was moved on out of the count, and removes the folders it leaves empty."""
        self._hold(path, 0)
        for folder in path.parents:
            if folder == self.root or not _removed(folder):
                return

    def _hold(self, path: Path, size: int) -> None:
        with self._lock:
            self._held[path] = size
            if not size:
                del self._held[path]
            self.used = sum(self._held.values())


def folder_of(root: Path | None, place_uri: str) -> Path:
    """Returns the spool of one place, made if it is missing.

    Args:
        root: The spool that several writers may share; None for one in the folder for temporary files.
        place_uri: Where the records are to go in the end.

    Raises:
        StorageError: The folder for temporary files holds another user's folder of that name.
    """
    if root is None:
        root = Path(tempfile.gettempdir(), f"roadworthy-capture-{os.getuid()}")
        root.mkdir(mode=0o700, exist_ok=True)
        found = root.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StorageError(f"expected {root} to be a folder of this user, found another's")
    return root / hashlib.sha256(place_uri.encode(errors="surrogateescape")).hexdigest()[:16]


def _chunks(lines: Sequence[tuple[float, bytes]], size: int) -> Iterator[list[tuple[float, bytes]]]:
    """Cuts records into runs of one hour and about that many bytes."""
    chunk: list[tuple[float, bytes]] = []
    held = 0
    for seconds, line in lines:
        if chunk and (held + len(line) > size or seconds // 3600 != chunk[0][0] // 3600):
            yield chunk
            chunk, held = [], 0
        chunk.append((seconds, line))
        held += len(line)
    if chunk:
        yield chunk


def _final(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(OPEN))


def _rescued(path: Path) -> Path | None:
    """Finishes an abandoned file; returns None if its writer lives or there is no whole line in it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not _locked(descriptor) or not path.exists():
            return None
        size = _behind_last_newline(descriptor)
        if not size:
            path.unlink()
            return None
        os.ftruncate(descriptor, size)
        return path.rename(_final(path))
    finally:
        os.close(descriptor)


def _behind_last_newline(descriptor: int, block: int = 1 << 16) -> int:
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - block)
        at = os.pread(descriptor, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
