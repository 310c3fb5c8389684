"""The exchanges of a time window, streamed from where a writer (ours or SageMaker's) put them.

Hour folders outside the window are not opened. A record may lie in the folder of the hour before or after its own (a
file is named by its first record, and SageMaker's by the time it was delivered), so one hour on either side is read as
well. A broken line is counted and skipped; a place that cannot be read is an error, because what is missing then is
unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from components.capture import record
from components.capture.lines import TooLong, lines
from components.capture.record import Exchange
from components.errors import RecordError
from components.storage import Entry, Place
from components.storage import place as to_place

SLACK = 3600.0
"""Seconds by which a record's hour folder may differ from its own time."""

_BOM = b"\xef\xbb\xbf"
_DEPTH = 4  # folders of a day's hour: yyyy/mm/dd/hh


@dataclass
class Counts:
    """What a reader saw.

    Attributes:
        files: That were opened.
        bytes: Of these files.
        records: That were yielded.
        outside: Whole records of another time.
        broken: Lines by what was wrong: ``too_long``, ``not_utf8``, ``cut`` (the last line of a file, without its end),
            ``not_json``, ``not_a_record``.
    """

    files: int = 0
    bytes: int = 0
    records: int = 0
    outside: int = 0
    broken: Counter[str] = field(default_factory=Counter)


def read(
    place_uri: str,
    endpoint: str | None = None,
    variant: str | None = None,
    start: float | None = None,
    end: float | None = None,
    counts: Counts | None = None,
    line_limit: int = record.LINE_LIMIT,
    on_broken: Callable[[bytes | None], None] | None = None,
) -> Iterator[Exchange]:
    """Yields the exchanges captured in ``[start, end)`` in the order of their files' keys, in constant memory.

    Args:
        place_uri: The place that was given to the writer: endpoints' folders lie in it.
        endpoint: Only this one's; None for all.
        variant: Only this one's; None for all.
        start: UTC seconds since 1970; None for no beginning.
        end: As ``start``; the moment itself is not in the window.
        counts: Filled while reading.
        line_limit: Bytes; longer lines are skipped without being held.
        on_broken: Called with each broken line, and with None for one over the limit.

    Raises:
        StorageError: The place cannot be read.
        InputError: An endpoint's or variant's name that cannot be.
    """
    counts = Counts() if counts is None else counts
    low, high = (float("-inf") if start is None else start), (float("inf") if end is None else end)
    for folder in _variants(to_place(place_uri), endpoint, variant):
        for entry in _files(folder, (), low - SLACK, high + SLACK):
            counts.files += 1
            counts.bytes += entry.size
            for exchange in _exchanges(entry.place, counts, line_limit, on_broken):
                if low <= exchange.time < high:
                    counts.records += 1
                    yield exchange
                else:
                    counts.outside += 1


def _variants(root: Place, endpoint: str | None, variant: str | None) -> Iterator[Place]:
    for of_endpoint in _named(root, endpoint):
        yield from _named(of_endpoint, variant)


def _named(root: Place, name: str | None) -> Iterator[Place]:
    if name is not None:
        yield root.child(record.named(name))
        return
    for entry in root.entries():
        if entry.folder:
            yield entry.place


def _files(folder: Place, path: tuple[int, ...], low: float, high: float) -> Iterator[Entry]:
    """Yields the record files below ``yyyy/mm/dd/hh`` (``path`` of it being given) that may touch the window."""
    for entry in folder.entries():
        name = entry.place.name
        if len(path) == _DEPTH:
            if not entry.folder and name.endswith(".jsonl"):
                yield entry
        elif entry.folder and name.isascii() and name.isdigit():
            below = (*path, int(name))
            span = _span(below)
            if span and span[0] < high and span[1] > low:
                yield from _files(entry.place, below, low, high)


def _span(path: tuple[int, ...]) -> tuple[float, float] | None:
    """Returns the UTC seconds that a folder covers, ``[first, last)``; None if it is no date."""
    year, month, day, hour = (*path, *(1, 1, 1, 0)[len(path) :])
    try:
        first = datetime(year, month, day, hour, tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    # Upper bounds will do: the longest year, month, day.
    return first, first + (366 * 86400, 31 * 86400, 86400, 3600)[len(path) - 1]


def _exchanges(
    file: Place, counts: Counts, line_limit: int, on_broken: Callable[[bytes | None], None] | None
) -> Iterator[Exchange]:
    with file.open() as stream:
        for line, ended in lines(stream, line_limit):
            if isinstance(line, TooLong):
                counts.broken["too_long"] += 1
                if on_broken:
                    on_broken(None)
                continue
            text = line.removeprefix(_BOM).strip(b" \t\r")
            if not text:
                continue
            try:
                yield record.decode(text)
            except RecordError:
                counts.broken[_reason(text, ended)] += 1
                if on_broken:
                    on_broken(text)


def _reason(text: bytes, ended: bool) -> str:
    if not ended:
        return "cut"
    try:
        text.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_a_record" if record.is_json(text) else "not_json"
