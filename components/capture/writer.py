"""What the model server hands its exchanges to.

``CaptureWriter.offer`` is called on the server's event loop for every answer. It puts the exchange into a queue and,
once some 128 KiB have come together, copies them into the memory that it shares with the writer process (``ring``); a
thread that wakes four times a flush interval does the rest: what the last offers left, and the process's restarts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from components.capture import record
from components.capture.child import Child
from components.capture.frames import pack
from components.capture.record import Exchange, sampled
from components.capture.ring import Ring
from components.errors import InputError
from components.storage import place as to_place

_BATCH_BYTES = 128 * 1024
_OVERHEAD = 512  # bytes an exchange counts on top of its bodies: texts, objects
_SLACK = 1024 * 1024  # bytes the ring has on top of the limit: texts may be longer than that


class _Batch(NamedTuple):
    """Exchanges on their way into the ring, and the bytes that they count."""

    exchanges: list[Exchange]
    size: int


class CaptureWriter:
    """Captures a share of an endpoint's traffic; can drop, but never wait or raise.

    Args:
        place: Where the records go, ``file://``, ``s3://`` or a path.
        endpoint: The endpoint's name, the first part of the keys below the place.
        variant: The second part.
        sampling_percentage: Of the exchanges that are captured, by their event ids (``record.sampled``).
        capture_options: ``Input``, ``Output`` or both.
        csv_content_types: Content types whose bodies are written as text with the encoding CSV.
        json_content_types: As that, with the encoding JSON.
        flush_seconds: What is older has been written to the spool, unless the writer process lags.
        rotate_seconds: The age at which a file is finished and moved to the place.
        rotate_bytes: The size at which it is.
        queue_bytes: The most that waits for the writer process; what comes on top is dropped.
        spool: A folder on a disk of this machine; None for one in the folder for temporary files. Writers may share it.
        spool_bytes: The most that waits there while the place is slow; what comes on top is dropped.
        model: Digest of the package that answers, for each record; None where nobody knows it.
        keep_metadata: Whether pictures keep what they say of people; otherwise ``privacy`` takes it out.

    Raises:
        InputError: A name, percentage, option or number that cannot be.
        StorageError: A place of a kind that there is not.
    """

    def __init__(
        self,
        place: str,
        endpoint: str,
        *,
        variant: str = "AllTraffic",
        sampling_percentage: float = 20.0,
        capture_options: Sequence[str] = record.CAPTURE_OPTIONS,
        csv_content_types: Sequence[str] = record.CSV_CONTENT_TYPES,
        json_content_types: Sequence[str] = record.JSON_CONTENT_TYPES,
        flush_seconds: float = 1.0,
        rotate_seconds: float = 60.0,
        rotate_bytes: int = 64 * 1024 * 1024,
        queue_bytes: int = 64 * 1024 * 1024,
        spool: Path | None = None,
        spool_bytes: int = 1024 * 1024 * 1024,
        model: str | None = None,
        keep_metadata: bool = False,
    ) -> None:
        if not capture_options or not set(capture_options) <= set(record.CAPTURE_OPTIONS):
            raise InputError(f"expected Input, Output or both to capture, found {list(capture_options)}")
        if not min(flush_seconds, rotate_seconds, rotate_bytes, queue_bytes, spool_bytes) > 0:
            raise InputError("expected seconds and bytes above 0 for flush, rotation, queue and spool, found others")
        record.threshold(sampling_percentage)
        self._percentage = sampling_percentage
        self._input, self._output = "Input" in capture_options, "Output" in capture_options
        self._limit = queue_bytes
        self._open: list[Exchange] = []
        self._batches: deque[_Batch] = deque()
        self._open_bytes = 0
        self._room = queue_bytes
        self._captured = self._refused = 0
        self._closed = threading.Event()
        self._counting, self._pumping = threading.Lock(), threading.Lock()
        self._tick = min(flush_seconds, 4.0) / 4
        self._ring = Ring(queue_bytes + _SLACK)
        self._child = Child(
            [
                *("--place", to_place(place).uri),
                *("--endpoint", record.named(endpoint)),
                *("--variant", record.named(variant)),
                *("--flush-seconds", str(flush_seconds)),
                *("--rotate-seconds", str(rotate_seconds)),
                *("--rotate-bytes", str(rotate_bytes)),
                *("--spool-bytes", str(spool_bytes)),
                *(() if spool is None else ("--spool", str(Path(spool).absolute()))),
                *(() if model is None else (f"--model={model}",)),
                *(("--keep-metadata",) if keep_metadata else ()),
                *(f"--csv-type={one.lower()}" for one in csv_content_types),
                *(f"--json-type={one.lower()}" for one in json_content_types),
            ],
            self._ring,
        )
        self._child.start()
        self._thread = threading.Thread(target=self._attend, name="capture", daemon=True)
        self._thread.start()

    def offer(self, *exchanges: Exchange) -> int:
        """Takes the exchanges that are sampled, as far as there is room for them; returns how many it took.

        May be called from any thread; costs a few microseconds each (``tests/bench/test_capture_offer.py``), less if
        there are more in one call.
        """
        some: Sequence[Exchange] = exchanges
        if self._percentage < 100:
            some = [one for one in exchanges if sampled(one.event_id, self._percentage)]
        if not some:
            return 0
        size = _size(some)
        if size > self._room:
            self._pump()  # the process may have made room since
        with self._counting:
            if size > self._room:
                some, offered = self._fitting(some), some
                size = _size(some)
                self._refused += len(offered) - len(some)
            self._room -= size
            self._captured += len(some)
            self._open += some
            self._open_bytes += size
            full = self._open_bytes >= _BATCH_BYTES
            if full:
                self._seal()
        if full:
            self._pump()
        return len(some)

    def _fitting(self, exchanges: Sequence[Exchange]) -> list[Exchange]:
        """Returns those that there is room for, the first ones first; ``_counting`` is held."""
        found, room = [], self._room
        for exchange in exchanges:
            size = _size([exchange])
            if size <= room:
                found.append(exchange)
                room -= size
        return found

    def statistics(self) -> dict[str, int]:
        """Returns counters since the start and gauges.

        ``captured_total``: taken by ``offer``; each is written, dropped or still on its way. ``dropped_total``: refused
        by a full queue, or lost after it (spool full, disk full, writer process killed). ``written_total``: records in
        the spool or beyond; ``bytes_total``: theirs. ``files_total``: moved to the place. ``errors_total``: failed
        attempts to write the spool or the place. ``unstripped_total``: records with a picture that ``privacy`` could
        not walk, so that it is as it came. ``restarts_total``: of the writer process. ``queue_bytes`` and
        ``spool_bytes``: what waits in this process and on its disk.
        """
        with self._pumping, self._counting:
            self._child.release()
            counts, waiting = self._child.counts(), self._waiting()
        return {
            "captured_total": self._captured,
            "dropped_total": self._refused + self._child.lost + counts.dropped,
            "written_total": counts.written,
            "bytes_total": counts.bytes,
            "files_total": counts.files,
            "errors_total": counts.errors,
            "unstripped_total": counts.unstripped,
            "restarts_total": self._child.restarts,
            "queue_bytes": waiting,
            "spool_bytes": counts.spool,
        }

    def close(self, timeout: float = 5.0) -> None:
        """Ends the capture: what was taken is written and moved to its place as far as the seconds go.

        What does not reach the place in time stays in the spool for the next writer.
        """
        if self._closed.is_set():
            return
        with self._counting:
            self._closed.set()
            self._room = -1
        deadline = time.monotonic() + timeout
        self._thread.join(timeout)
        with self._pumping:
            while not self._sent(all_of_it=True) and self._child.running and time.monotonic() < deadline:
                time.sleep(0.02)
                self._child.mourn()
            self._child.stop(max(0.0, deadline - time.monotonic()))
            self._refused += sum(len(batch.exchanges) for batch in self._batches)
            self._batches.clear()

    def _pump(self) -> None:
        """Sends what is in the queue, unless somebody else is sending."""
        if not self._pumping.acquire(blocking=False):
            return
        try:
            self._sent()
        finally:
            self._pumping.release()

    def _seal(self) -> None:
        """Makes a batch of what came last; ``_counting`` is held."""
        self._batches.append(_Batch(self._open, self._open_bytes))
        self._open, self._open_bytes = [], 0

    def _sent(self, all_of_it: bool = False) -> bool:
        """Moves batches into the ring, the last one too if asked; returns False if there is no room for some.

        ``_pumping`` is held.
        """
        self._child.release()
        if all_of_it:
            with self._counting:
                if self._open:
                    self._seal()
        while self._batches:
            batch = self._batches[0]
            pieces = pack(batch.exchanges, requests=self._input, responses=self._output)
            run = self._ring.put(pieces, len(batch.exchanges))
            if run is None:
                break
            self._batches.popleft()
            self._child.tell(run)
        with self._counting:
            if not self._closed.is_set():
                self._room = self._limit - self._waiting()
        return not self._batches

    def _waiting(self) -> int:
        return self._open_bytes + sum(batch.size for batch in self._batches) + self._ring.used

    def _attend(self) -> None:
        while not self._closed.wait(self._tick):
            with self._pumping:
                self._child.mourn()
                self._child.start()
                self._child.push()
                self._sent(all_of_it=True)
                self._ring.shrink()


def _size(exchanges: Sequence[Exchange]) -> int:
    """Returns the bytes that exchanges count while they wait, whichever of their bodies are captured."""
    size = _OVERHEAD * len(exchanges)
    for exchange in exchanges:
        size += len(exchange.request or b"") + len(exchange.response or b"")
    return size
