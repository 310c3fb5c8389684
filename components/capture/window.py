"""Which captured records a stage reads: the arguments for it, the same for every stage, and waiting for the records.

::

    --place s3://traffic/captured --endpoint signs --start 2026-01-01T00:00:00Z --end 2026-01-01T01:00:00Z
    --place s3://traffic/captured --endpoint signs --hours 1        the last whole hour, for what a cron starts
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from components.artifacts import Stage, number
from components.errors import InputError, RecordError

if TYPE_CHECKING:  # stages declare their arguments where the packages that read records need not be installed
    from components.capture.reader import Counts
    from components.capture.record import Exchange

_HOUR = 3600.0
_PAUSE = 1.0  # seconds between looks at the place


class Window(NamedTuple):
    """What to read.

    Attributes:
        place: Where the capture writer puts its files.
        endpoint: Only this one's; None for all.
        variant: Only this one's; None for all.
        start: UTC seconds since 1970; None for no beginning.
        end: As ``start``; the moment itself is outside.
    """

    place: str
    endpoint: str | None = None
    variant: str | None = None
    start: float | None = None
    end: float | None = None

    def read(self, counts: Counts | None = None) -> Iterator[Exchange]:
        """Yields the exchanges, as ``reader.read`` does."""
        from components.capture.reader import read

        return read(*self, counts=counts)

    def wait(self, records: int, seconds: float) -> None:
        """Returns once so many records are there; a file appears only after it has rotated.

        Raises:
            InputError: They are not, after that time.
        """
        deadline = time.monotonic() + seconds
        while records and (there := sum(1 for _ in self.read())) < records:
            if time.monotonic() >= deadline:
                raise InputError(f"expected {records} records within {seconds:g} s, found {there}")
            time.sleep(_PAUSE)


def declare(stage: Stage) -> None:
    """Declares the arguments of a stage that reads captured records."""
    stage.parameter("place", "where the capture writer puts its files, file://, s3:// or a path")
    stage.parameter("endpoint", "only this endpoint's; empty: all", default="")
    stage.parameter("variant", "only this variant's; empty: all", default="")
    stage.parameter("start", "of the window, ISO 8601, UTC unless it says otherwise; empty: open", default="")
    stage.parameter("end", "of the window, itself outside; empty: open", default="")


def declare_waiting(stage: Stage) -> None:
    """Declares the arguments of a stage that waits for records that are still on their way."""
    stage.parameter("wait_for", "records that must be there first", type=number(int, 0, 10**9), default=0)
    stage.parameter("wait_seconds", "for these, at most", type=number(float, 0, 86_400), default=120.0)


def asked(args: argparse.Namespace, hours: float = 0.0) -> Window:
    """Returns the window that the arguments of ``declare`` name.

    Args:
        args: What the stage was given.
        hours: The length of a window without a start; with no end either, it ends with the last whole hour. 0: open.

    Raises:
        InputError: No such time, or a start that is not before the end.
    """
    start, end = _time(args.start, "start"), _time(args.end, "end")
    if hours and start is None:
        end = time.time() // _HOUR * _HOUR if end is None else end
        start = end - hours * _HOUR
    if start is not None and end is not None and start >= end:
        raise InputError(f"expected --start before --end, found {stamp(start)} and {stamp(end)}")
    return Window(args.place, args.endpoint or None, args.variant or None, start, end)


def stamp(seconds: float | None) -> str:
    """Returns a time as ISO 8601 in UTC, ``2022-02-14T17:25:06Z``; empty for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _time(text: str, name: str) -> float | None:
    from components.capture.record import instant

    try:
        return instant(text) if text else None
    except RecordError as error:
        raise InputError(f"--{name}: {error}") from None
