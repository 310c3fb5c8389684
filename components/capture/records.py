"""The folder of captured records that the stage ``capture`` writes, read for a page: counts, and rows with images."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from components import parquet
from components.errors import RecordError

INDEX = "index.parquet"
COLUMNS = ("event_id", "time", "position", "class", "label", "score", "image", "duplicate")

_PICTURED = 100_000  # rows with an image that are kept in memory
_ROWS = 16_384  # read at a time
_BYTES = 10 * 1024 * 1024
_FILE = re.compile(r"[0-9A-Za-z_-]{1,128}\.(png|jpe?g)", re.ASCII)


class Row(NamedTuple):
    """One prediction: whose it is, what was answered, and the file of the image that was asked about."""

    event_id: str
    class_id: int | None
    label: str | None
    score: float | None
    image: str | None


@dataclass
class Records:
    """Captured records, counted.

    Attributes:
        folder: Where they lie.
        events: Exchanges.
        predictions: Rows with a predicted class or label.
        duplicates: Exchanges whose event id came before.
        classes: How often each class and label was predicted.
        first: Time of the earliest, UTC.
        last: Time of the latest.
        pictured: Rows whose image was kept.
    """

    folder: Path
    events: int = 0
    predictions: int = 0
    duplicates: int = 0
    classes: Counter[tuple[int | None, str | None]] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    pictured: list[Row] = field(default_factory=list)

    def image(self, row: Row) -> bytes:
        """Returns the encoded image of a row.

        Raises:
            RecordError: The index names something else than a plain file in ``images/``.
        """
        if row.image is None or not _FILE.fullmatch(row.image):
            raise RecordError(f"expected the name of an image file, found {str(row.image)[:80]!r}")
        path = self.folder / "images" / row.image
        if path.is_symlink() or not path.is_file():
            raise RecordError(f"images/{row.image}: expected a plain file, found none")
        with path.open("rb") as file:
            return file.read(_BYTES + 1)


def read(folder: Path) -> Records:
    """Reads the index; memory does not grow with the number of records.

    Raises:
        RecordError: The folder has no index, or one that lacks a column or has one of another type.
    """
    path, records = folder / INDEX, Records(folder)
    if not path.is_file():
        raise RecordError(f"captured: expected a folder with {INDEX}, found none in {folder.name!r}")
    with parquet.reading(f"captured: {INDEX}", RecordError), parquet.open_file(path) as file:
        _check(parquet.schema(file))
        for batch in parquet.pieces(file, COLUMNS, _ROWS):
            _add(records, batch.to_pylist())
    return records


def _add(records: Records, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        records.events += row["position"] == 0
        records.duplicates += row["position"] == 0 and row["duplicate"]
        time = row["time"]
        records.first = time if records.first is None else min(records.first, time)
        records.last = time if records.last is None else max(records.last, time)
        if row["class"] is not None or row["label"] is not None:
            records.predictions += 1
            records.classes[row["class"], row["label"]] += 1
        # An image with several predictions stands once.
        if row["image"] is not None and row["position"] == 0 and len(records.pictured) < _PICTURED:
            found = Row(row["event_id"], row["class"], row["label"], row["score"], row["image"])
            records.pictured.append(found)


def _check(schema: Any) -> None:
    import pyarrow as pa

    types = {
        "event_id": pa.types.is_string,
        "time": lambda t: pa.types.is_timestamp(t) and t.tz == "UTC",
        "position": pa.types.is_integer,
        "class": pa.types.is_integer,
        "label": pa.types.is_string,
        "score": pa.types.is_floating,
        "image": pa.types.is_string,
        "duplicate": pa.types.is_boolean,
    }
    found = dict(zip(schema.names, schema.types, strict=True))
    wrong = [name for name, is_type in types.items() if name not in found or not is_type(found[name])]
    if wrong or len(found) != len(schema.names):
        names = ", ".join(f"{name} {kind}" for name, kind in found.items())
        raise RecordError(f"captured: {INDEX}: expected the columns {', '.join(wrong)}, found {names[:500]}")
