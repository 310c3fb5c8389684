"""Which records are explained, and their bytes.

Of each violation the records whose event ids hash lowest are taken: a fair draw, and the same one again whatever the
order of files. A record that several violations flag is explained once.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from components.capture import payloads
from components.capture.predictions import Prediction, predictions
from components.capture.record import Exchange
from components.capture.window import Window
from components.errors import ImageError
from components.images import Pixels
from components.report.verdicts import flagged_batches

COLUMNS = ("violation", "event_id", "class")


@dataclass
class Wanted:
    """A flagged record.

    Attributes:
        violations: The rules that flagged it.
        classes: The predicted classes that were flagged; None where the answer held none.
    """

    violations: list[str] = field(default_factory=list)
    classes: set[int | None] = field(default_factory=set)


class Subject(NamedTuple):
    """An image to be explained.

    Attributes:
        event_id: Of its record.
        inference_id: The client's name for it.
        time: Of the inference, UTC seconds since 1970.
        position: Of the image in its record.
        violations: The rules that flagged it, sorted.
        pixels: ``(H, W, 3)`` uint8 RGB, decoded from the captured bytes.
        answered: What the server answered for it; None where that is not known.
    """

    event_id: str
    inference_id: str | None
    time: float
    position: int
    violations: tuple[str, ...]
    pixels: Pixels
    answered: Prediction | None


@dataclass
class Counts:
    """What became of the flagged records.

    Attributes:
        flagged: Rows of ``flagged.parquet``.
        chosen: Records that were to be explained.
        found: Of these, those in the window.
        unreadable: Of these, those without an image that can be read.
    """

    flagged: int = 0
    chosen: int = 0
    found: int = 0
    unreadable: int = 0


def choose(results: Path, count: int, counts: Counts) -> dict[str, Wanted]:
    """Returns the records to explain by event id, at most ``count`` a violation.

    Raises:
        InputError: The folder has no ``flagged.parquet`` with the columns that are needed.
    """
    lowest: dict[str, dict[str, set[int | None]]] = {}
    heaps: dict[str, list[tuple[int, str]]] = {}
    for batch in flagged_batches(results, COLUMNS):
        for violation, event_id, number in zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True):
            counts.flagged += 1
            kept = lowest.setdefault(violation, {})
            _offer(heaps.setdefault(violation, []), kept, event_id, number, count)
    wanted: dict[str, Wanted] = {}
    for violation in sorted(lowest):
        for event_id, classes in lowest[violation].items():
            one = wanted.setdefault(event_id, Wanted())
            one.violations.append(violation)
            one.classes |= classes
    counts.chosen = len(wanted)
    return wanted


def subjects(wanted: dict[str, Wanted], window: Window, counts: Counts) -> Iterator[Subject]:
    """Yields the images of the wanted records as the window is read, which ends when all are found.

    Raises:
        InputError: A name of an endpoint or variant that cannot be.
        StorageError: The place cannot be read.
    """
    left = dict(wanted)
    if not left:
        return
    for exchange in window.read():
        one = left.pop(exchange.event_id, None)
        if one is not None:
            counts.found += 1
            yield from _of_record(exchange, one, counts)
        if not left:
            return


def _of_record(exchange: Exchange, wanted: Wanted, counts: Counts) -> Iterator[Subject]:
    try:
        found = payloads.images(exchange.request or b"", exchange.request_type)
    except ImageError:
        counts.unreadable += 1
        return
    answers = predictions(exchange.response, exchange.response_type)
    told = list(answers) if len(answers) == len(found) else [None] * len(found)
    violations = tuple(wanted.violations)
    for position, (pixels, answered) in enumerate(zip(found, told, strict=True)):
        # Of a request with several images only those whose own answer was flagged.
        if len(found) == 1 or answered is None or answered.class_index in wanted.classes:
            yield Subject(
                exchange.event_id, exchange.inference_id, exchange.time, position, violations, pixels, answered
            )


def _offer(
    heap: list[tuple[int, str]], kept: dict[str, set[int | None]], event_id: str, number: int | None, count: int
) -> None:
    if event_id in kept:
        kept[event_id].add(number)
        return
    digest = hashlib.blake2b(event_id.encode(errors="replace"), digest_size=8).digest()
    entry = (-int.from_bytes(digest, "big"), event_id)
    if len(heap) == count and entry < heap[0]:
        return
    heapq.heappush(heap, entry)
    kept[event_id] = {number}
    if len(heap) > count:
        del kept[heapq.heappop(heap)[1]]
