"""The writer process: frames in from the ring, what it has done into the ledger, records into the spool and on.

It is a process, not a thread, because encoding would compete with the server for its interpreter. It is nice, and also
offers the processor to others after every few records: a process that is merely nice keeps a server that wakes up
waiting for the rest of its slice, some milliseconds.

It ends when the pipe does: a server that was killed leaves its last frames in the ring, and they are still written.
Ctrl-C and SIGTERM are the server's to act on.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue

from components.background import step_back
from components.capture import frames, privacy, record
from components.capture.delivery import Delivery
from components.capture.ring import TOLD, Ledger, Outlet
from components.capture.spool import Rotation, Spool, folder_of
from components.errors import RecordError, RoadworthyError

_AT_ONCE = 32 * TOLD.size  # bytes read of the pipe: runs of 128 KiB, so that what is due is looked after in between
_TURN = 0.06  # seconds between looks for more
_SHARE = 0.2  # of the processor that others keep busy
_LEAST = 50e-6  # seconds it is kept at least: to offer it takes half a microsecond and more
_LINGER = 120.0  # seconds a place may take for the last files; what is left then waits in the spool


class Writer:
    """The loop of the process.

    Args:
        args: What ``arguments`` parsed.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        rotation = Rotation(args.rotate_seconds, args.rotate_bytes)
        root = folder_of(args.spool, args.place)
        self._args = args
        self._csv, self._json = tuple(args.csv_type), tuple(args.json_type)
        self._model, self._strip = args.model, not args.keep_metadata
        finished: SimpleQueue[Path | None] = SimpleQueue()
        self._spool = Spool(root, args.endpoint, args.variant, rotation, args.spool_bytes, finished.put)
        self._delivery = Delivery(self._spool, args.place, finished)
        self._ring = Outlet(args.ring, args.ring_bytes)
        self._received, self._unstripped = 0, 0
        self._keep_until = 0.0

    def run(self) -> None:
        """Reads until the server is gone, then finishes what there is."""
        self._delivery.start()
        self._tell()
        while self._turn():
            self._tell()
        self._spool.finish()
        self._delivery.finish()
        deadline = time.monotonic() + _LINGER
        while self._delivery.is_alive() and time.monotonic() < deadline:
            self._delivery.join(0.1)
            self._tell()
        self._tell()

    def _turn(self) -> bool:
        """Waits for frames at most until the next thing is due; returns False at the end of the pipe."""
        ready, _, _ = select.select([0], [], [], min(self._spool.due(), self._args.flush_seconds))
        if ready:
            told = os.read(0, _AT_ONCE)
            if not told:
                return False
            for start, size in TOLD.iter_unpack(told):
                self._spool.write(self._encoded(frames.unpack(self._ring.take(start, size), self._model)))
                self._tell()
            if len(told) < _AT_ONCE:
                # Not at once again: a turn costs wake-ups and cold caches, the server's among them.
                time.sleep(_TURN)
        if self._spool.due() == 0:
            self._spool.finish()
        # A process that the server forked may hold the other end open after the server's death.
        return bool(ready) or os.getppid() == self._args.parent

    def _encoded(self, exchanges: Iterable[record.Exchange]) -> list[tuple[float, bytes]]:
        lines = []
        for exchange in exchanges:
            self._received += 1
            private = self._private(exchange)
            try:
                line = record.encode(private, csv_content_types=self._csv, json_content_types=self._json)
            except RecordError:
                continue  # counts as dropped
            lines.append((exchange.time, line))
            self._give_way()
        return lines

    def _private(self, exchange: record.Exchange) -> record.Exchange:
        """Returns an exchange without what its pictures say of people."""
        if not self._strip:
            return exchange
        cleaned, unread = privacy.cleaned(exchange)
        self._unstripped += unread > 0
        return cleaned

    def _give_way(self) -> None:
        """Lets others have the processor, and keeps it afterwards for a part of the time that they took.

        On a processor that is never idle nothing would be written otherwise: it comes back after many milliseconds.
        """
        now = time.monotonic()
        if now >= self._keep_until:
            os.sched_yield()
            then = time.monotonic()
            self._keep_until = then + max(_LEAST, _SHARE * (then - now))

    def _tell(self) -> None:
        spool, delivery = self._spool, self._delivery
        self._ring.tell(
            Ledger(
                taken=self._ring.taken,
                written=spool.written,
                dropped=self._received - spool.written,
                bytes=spool.bytes,
                files=delivery.files,
                errors=delivery.errors + spool.errors,
                unstripped=self._unstripped,
                spool=spool.used,
            )
        )


def arguments() -> argparse.ArgumentParser:
    """Returns the parser of the process's command line; ``CaptureWriter`` writes it."""
    parser = argparse.ArgumentParser(prog="python -m components.capture.process", allow_abbrev=False)
    for name in ("place", "endpoint", "variant"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("flush-seconds", "rotate-seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    for name in ("rotate-bytes", "spool-bytes", "ring", "ring-bytes", "parent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--spool", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--keep-metadata", action="store_true")
    parser.add_argument("--csv-type", action="append", default=[])
    parser.add_argument("--json-type", action="append", default=[])
    return parser


def main() -> int:
    """Runs the process; returns its exit status."""
    step_back(10)
    try:
        Writer(arguments().parse_args()).run()
    except (RoadworthyError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # Not sys.exit: a store that hangs would hold the interpreter's end up.
    os._exit(main())
