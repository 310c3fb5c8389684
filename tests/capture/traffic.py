"""Exchanges for the capture's tests."""

from __future__ import annotations

import io
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image

from components.capture.reader import Counts, read
from components.capture.record import Exchange
from components.capture.writer import CaptureWriter


def jpeg(seed: int = 0, side: int = 48) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(3 * side * side)).save(buffer, "JPEG")
    return buffer.getvalue()


def exchange(number: int, seconds: float | None = None, body: bytes = b"\xff\xd8 not quite a picture") -> Exchange:
    answer = b'{"predictions": [{"class": %d, "label": "Sign %d", "score": 0.75, "top": []}]}' % (number % 43, number)
    return Exchange(
        f"event-{number:08d}",
        time.time() if seconds is None else seconds,
        body,
        "image/jpeg",
        answer,
        "application/json",
        f"inference-{number}",
    )


def ids(place: Path | str, counts: Counts | None = None) -> list[str]:
    return [found.event_id for found in read(str(place), counts=counts)]


@contextmanager
def writing(place: Path | str, spool: Path, **options: object) -> Iterator[CaptureWriter]:
    """A writer that captures everything and is closed in the end."""
    settings = {"sampling_percentage": 100.0, "flush_seconds": 0.2, "spool": spool, **options}
    writer = CaptureWriter(str(place), "signs", **settings)  # type: ignore[arg-type]
    try:
        yield writer
    finally:
        writer.close(10)


def settled(writer: CaptureWriter, seconds: float = 10.0) -> dict[str, int]:
    """Waits until everything that was offered is written or dropped."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = writer.statistics()
        if found["written_total"] + found["dropped_total"] >= found["captured_total"] and not found["queue_bytes"]:
            return found
        time.sleep(0.02)
    raise TimeoutError(f"expected every record to be written or dropped, found {found}")


def until(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("expected the condition to come true")
        time.sleep(0.02)


def spooled(spool: Path) -> dict[str, int]:
    """The bytes of every file of records in a spool, though a writer may be at work there."""
    found = {}
    # os.walk, unlike rglob, does not mind folders that go meanwhile.
    for folder, _, names in os.walk(spool):
        for path in (os.path.join(folder, name) for name in names if ".jsonl" in name):
            with suppress(FileNotFoundError):
                found[path] = os.stat(path).st_size
    return found


def process_of(server: int) -> int:
    """The pid of a server's writer process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status, command = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            state, parent = status.rpartition(")")[2].split()[:2]
            if int(parent) == server and b"components.capture.process" in command and state != "Z":
                return int(entry.name)
    raise LookupError(f"expected a writer process of {server}, found none")
