"""GTSRB's annotation tables: ``;``-separated lines of file name, size, region of interest and class.

Each training folder has one (``00014/GT-00014.csv``), the test set has one (``GT-final_test.csv``). The columns are
those of the readme in each of GTSRB's archives; the spelling of their case is not relied on.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from components.data.classes import LABELS
from components.data.index import Box, track_name
from components.errors import DatasetError

COLUMNS = ("Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")

# Test image n becomes track 50,000 + n: it has no track, and must not share one with a training image.
TEST_TRACKS = 50_000

_TRAINING_NAME = re.compile(r"(\d{5})_(\d{5})\.ppm", re.ASCII)
_TEST_NAME = re.compile(r"(\d{5})\.ppm", re.ASCII)
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True)
class Annotation:
    """One line of a table.

    Attributes:
        where: The table and the line, for messages: ``GT-00014.csv, line 7``.
        name: Of the image file.
        size: Width and height in pixels.
        box: The sign's ``(x1, y1, x2, y2)`` in pixels, right and lower edge excluded.
        class_id: 0 to 42.
        track: The number of the physical sign in its class.
        frame: The image's number in its track.
    """

    where: str
    name: str
    size: tuple[int, int]
    box: Box
    class_id: int
    track: int
    frame: int

    @property
    def official_test(self) -> bool:
        """Whether it is of the official test set."""
        return self.track >= TEST_TRACKS

    @property
    def track_name(self) -> str:
        """The track, unique in the dataset: ``00014/00003``."""
        return track_name(self.class_id, self.track)


def training_table(data: bytes, table: str, class_id: int, images: Collection[str]) -> list[Annotation]:
    """Reads the table of one training folder.

    Args:
        data: The file's bytes.
        table: Its name, for messages.
        class_id: The class that the folder's name says.
        images: The names of the folder's images.

    Raises:
        DatasetError: The table is broken, says something impossible, or is not about exactly these images.
    """
    rows = [_training_row(where, fields) for where, fields in _rows(data, table)]
    for row in rows:
        if row.class_id != class_id:
            raise DatasetError(f"{row.where}: expected the class of its folder, {class_id}, found {row.class_id}")
    _match(rows, table, images)
    return rows


def test_table(data: bytes, table: str, images: Collection[str]) -> list[Annotation]:
    """Reads the table of the official test set; each image becomes a track of its own.

    Raises:
        DatasetError: As for ``training_table``.
    """
    rows = [_test_row(where, fields) for where, fields in _rows(data, table)]
    _match(rows, table, images)
    return rows


def _training_row(where: str, fields: Mapping[str, str]) -> Annotation:
    name = fields["filename"]
    found = _TRAINING_NAME.fullmatch(name)
    if found is None:
        raise DatasetError(f"{where}: expected a name like 00003_00007.ppm (track_frame), found {name[:80]!r}")
    track = int(found[1])
    if track >= TEST_TRACKS:
        raise DatasetError(f"{where}: expected a track below {TEST_TRACKS}, found {track}")
    return _annotation(where, fields, track, int(found[2]))


def _test_row(where: str, fields: Mapping[str, str]) -> Annotation:
    name = fields["filename"]
    found = _TEST_NAME.fullmatch(name)
    if found is None or int(found[1]) >= TEST_TRACKS:
        raise DatasetError(f"{where}: expected a name from 00000.ppm to {TEST_TRACKS - 1}.ppm, found {name[:80]!r}")
    return _annotation(where, fields, TEST_TRACKS + int(found[1]), 0)


def _annotation(where: str, fields: Mapping[str, str], track: int, frame: int) -> Annotation:
    numbers = {}
    for column in COLUMNS[1:]:
        value = fields[column.lower()]
        if not _NUMBER.fullmatch(value):
            raise DatasetError(f"{where}: expected a whole number as {column}, found {value[:80]!r}")
        numbers[column] = int(value)
    width, height, x1, y1, x2, y2, class_id = numbers.values()
    if class_id >= len(LABELS):
        raise DatasetError(f"{where}: expected a class from 0 to {len(LABELS) - 1}, found {class_id}")
    if not (x1 < x2 <= width and y1 < y2 <= height):
        raise DatasetError(
            f"{where}: expected a region inside {width} × {height} pixels, found ({x1}, {y1}) to ({x2}, {y2})"
        )
    return Annotation(where, fields["filename"], (width, height), (x1, y1, x2, y2), class_id, track, frame)


def _rows(data: bytes, table: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields each line as where it stands and its fields by lower-case column."""
    expected = [column.lower() for column in COLUMNS]
    try:
        text = data.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
        header = [field.strip().lower() for field in next(reader, [])]
        if header != expected:
            raise DatasetError(f"{table}: expected the columns {';'.join(COLUMNS)}, found {';'.join(header)[:200]!r}")
        for row in reader:
            where = f"{table}, line {reader.line_num}"
            if not row:
                continue
            if len(row) != len(expected):
                raise DatasetError(f"{where}: expected {len(expected)} fields, found {len(row)}")
            yield where, dict(zip(expected, (field.strip() for field in row), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: expected a table separated by ';', found {error}") from None


def _match(rows: Collection[Annotation], table: str, images: Collection[str]) -> None:
    """Refuses a table that is not about exactly these images, each once."""
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            raise DatasetError(f"{row.where}: expected each image once, found {row.name} again")
        if row.name not in images:
            raise DatasetError(f"{row.where}: expected the image {row.name} beside the table, found none")
        seen.add(row.name)
    unnamed = sorted(set(images) - seen)
    if unnamed:
        shown = ", ".join(unnamed[:5])
        raise DatasetError(f"{table}: expected a line for each image, found none for {len(unnamed)}: {shown}")
