"""Predictions on a local disk: 256 partitions by the first byte of the event id's hash, sorted and without duplicates.

A window may hold more records than memory. Each becomes a row of fixed size and its ids; a partition is small enough to
be sorted in memory, and since hashes decide where a row goes and where it stands, what comes out does not depend on the
order in which records came, on the files they lay in, or on how often they came.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PREDICTED, RANKED, UNRELATED, BROKEN = 1, 2, 4, 8
"""Flags of a row: it has a prediction; a ranking of three; one of three unrelated classes; it is a broken line."""

PARTITIONS = 256
_BUFFER = 64 * 1024  # bytes of one partition that wait in memory

ROW = np.dtype(
    [
        ("high", "<u8"),  # the first and
        ("low", "<u8"),  # the second half of the event id's hash
        ("content", "<u8"),  # hash of the whole record
        ("position", "<u4"),  # in the answer
        ("flags", "<u4"),
        ("category", "<i4"),  # which class; -1 for none
        ("inference", "<i4"),  # bytes of the inference id; -1 for none
        ("time", "<i8"),  # microseconds since 1970
        ("score", "<f8"),  # nan where there is none, as the next two
        ("entropy", "<f8"),
        ("margin", "<f8"),
        ("text", "<u8"),  # where the ids begin
        ("event", "<u4"),  # bytes of the event id
        ("model", "<i4"),  # which answered; -1 where the record does not say
    ]
)
_PACK = struct.Struct("<QQQIIiiqdddQIi").pack

Rows = NDArray[Any]


class Key(NamedTuple):
    """Where a record stands: hashes of its event id and of all of it, equal for the same record wherever it lies."""

    high: int
    low: int
    content: int


class Row(NamedTuple):
    """One prediction of a record."""

    flags: int
    category: int
    score: float
    entropy: float
    margin: float


class Ids(NamedTuple):
    """What a record is called."""

    event_id: str
    inference_id: str | None


def key(event_id: bytes, content: Sequence[bytes | None], *, broken: bool = False) -> Key:
    """Returns the key of a record, or of a broken line."""
    person = b"broken" if broken else b"event"
    high, low = struct.unpack(">QQ", hashlib.blake2b(event_id, digest_size=16, person=person).digest())
    hashed = hashlib.blake2b(digest_size=8)
    for part in content:
        hashed.update(b"-" if part is None else b"%d:" % len(part))
        hashed.update(part or b"")
    return Key(high, low, int.from_bytes(hashed.digest(), "big"))


@dataclass(frozen=True)
class Partition:
    """Rows of distinct records, in the order of their hashes.

    Attributes:
        rows: ``ROW`` ``(n,)``.
        duplicates: Records with an event id that was there already.
        texts: The file with the ids.
    """

    rows: Rows
    duplicates: int
    texts: Path

    def ids(self, rows: Rows) -> Iterator[Ids]:
        """Yields the ids of some of the rows."""
        if not len(rows):
            return
        with self.texts.open("rb") as file:
            for start, event, inference in zip(
                rows["text"].tolist(), rows["event"].tolist(), rows["inference"].tolist(), strict=True
            ):
                file.seek(start)
                text = file.read(event + max(inference, 0))
                yield Ids(text[:event].decode(), text[event:].decode() if inference >= 0 else None)


class Spill:
    """The partitions of a window.

    Args:
        folder: An empty folder on a local disk; some 130 bytes a prediction.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = [bytearray() for _ in range(PARTITIONS)]
        self._texts = [bytearray() for _ in range(PARTITIONS)]
        self._ends = [0] * PARTITIONS  # of the texts, written or not

    def add(self, at: Key, time: int, ids: Ids, rows: Sequence[Row], model: int = -1) -> None:
        """Adds a record with its predictions, or the one row that says there is none."""
        partition = at.high >> 56
        event = ids.event_id.encode()
        inference = None if ids.inference_id is None else ids.inference_id.encode()
        start, length = self._ends[partition], -1 if inference is None else len(inference)
        self._texts[partition] += event + (inference or b"")
        self._ends[partition] += len(event) + max(length, 0)
        buffer = self._rows[partition]
        for position, row in enumerate(rows):
            packed = _PACK(
                *(*at, position, row.flags, row.category, length, time, row.score, row.entropy, row.margin),
                *(start, len(event), model),
            )
            buffer += packed
        if len(buffer) + len(self._texts[partition]) >= _BUFFER:
            self._write(partition)

    def partitions(self) -> Iterator[Partition]:
        """Yields the partitions in the order of their hashes; may be called again."""
        for number in range(PARTITIONS):
            self._write(number)
            rows, texts = self._path(number, "rows"), self._path(number, "texts")
            if rows.exists():
                texts.touch()  # ids may all be empty
                yield _distinct(np.fromfile(rows, ROW), texts)

    def _write(self, partition: int) -> None:
        for buffers, kind in ((self._rows, "rows"), (self._texts, "texts")):
            if buffers[partition]:
                with self._path(partition, kind).open("ab") as file:
                    file.write(buffers[partition])
                buffers[partition] = bytearray()

    def _path(self, partition: int, kind: str) -> Path:
        return self._folder / f"{partition:03d}.{kind}"


def _distinct(rows: Rows, texts: Path) -> Partition:
    """Sorts rows and keeps one record an event id: of several that differ, the one whose content hashes lowest."""
    rows = rows[np.lexsort((rows["position"], rows["content"], rows["low"], rows["high"]))]
    first = np.ones(len(rows), bool)
    first[1:] = (rows["high"][1:] != rows["high"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
    event = np.cumsum(first) - 1
    chosen = rows["content"] == rows["content"][first][event]
    again = np.zeros(len(rows), bool)
    again[1:] = ~first[1:] & (rows["position"][1:] == rows["position"][:-1])
    record = (rows["flags"] & BROKEN) == 0
    duplicates = int((record & (rows["position"] == 0)).sum() - (record & first).sum())
    return Partition(rows[chosen & ~again], duplicates, texts)
