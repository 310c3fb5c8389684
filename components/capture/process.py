"""The writer process: frames in at stdin, counts out at stdout, records into the spool and on to their place.

It is a process, not a thread, because encoding would compete with the server for its interpreter. It is nice, and also
offers the processor to others after each record: a process that is merely nice keeps a server that wakes up waiting for
the rest of its slice, some milliseconds.

It ends when the pipe does: a server that was killed leaves its last frames in the pipe, and they are still written.
Ctrl-C and SIGTERM are the server's to act on.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import sys
import termios
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import orjson

from components.background import step_back
from components.capture import frames, privacy, record
from components.capture.delivery import Delivery
from components.capture.spool import Rotation, Spool, folder_of
from components.errors import RecordError, RoadworthyError

_PIPE = 1 << 20
_READ = 1 << 17  # bytes at a time: what is made of them stays in the caches, and in memory that need not be mapped anew
_TURN = 0.06  # seconds between looks into a pipe that holds ``_PIPE`` bytes; after less than half of it was found
_SHARE = 0.2  # of the processor that others keep busy
_LINGER = 120.0  # seconds a place may take for the last files; what is left then waits in the spool


class Report(NamedTuple):
    """What the process tells the server: counts since it started, and the bytes in the spool."""

    written: int = 0
    dropped: int = 0
    bytes: int = 0
    files: int = 0
    errors: int = 0
    unstripped: int = 0
    spool: int = 0


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
        self._received, self._unstripped, self._told = 0, 0, b""
        self._keep_until = 0.0
        self._buffer = bytearray()
        self._room = fcntl.fcntl(0, fcntl.F_GETPIPE_SZ)

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
            waiting = _waiting()
            if not self._emptied():
                return False
            if waiting < self._room / 2:
                # Not at once again: a turn costs wake-ups and cold caches, the server's among them.
                time.sleep(_TURN * min(1.0, self._room / _PIPE))
        if self._spool.due() == 0:
            self._spool.finish()
        # A process that the server forked may hold the other end open after the server's death.
        return bool(ready) or os.getppid() == self._args.parent

    def _emptied(self) -> bool:
        """Writes what the pipe holds; returns False at its end."""
        for _ in range(_PIPE // _READ):
            try:
                chunk = os.read(0, _READ)
            except BlockingIOError:
                break
            if not chunk:
                return False
            self._buffer += chunk
            self._spool.write(self._encoded(frames.unpack(self._buffer, self._model)))
        return True

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
        found = privacy.cleaned(exchange)
        self._unstripped += found.unread > 0
        return found.exchange

    def _give_way(self) -> None:
        """Lets others have the processor, and keeps it afterwards for a part of the time that they took.

        On a processor that is never idle nothing would be written otherwise: it comes back after many milliseconds.
        """
        now = time.monotonic()
        if now >= self._keep_until:
            os.sched_yield()
            then = time.monotonic()
            self._keep_until = then + _SHARE * (then - now)

    def _tell(self) -> None:
        spool, delivery = self._spool, self._delivery
        report = Report(
            written=spool.written,
            dropped=self._received - spool.written,
            bytes=spool.bytes,
            files=delivery.files,
            errors=delivery.errors + spool.errors,
            unstripped=self._unstripped,
            spool=spool.used,
        )
        line = orjson.dumps(report._asdict(), option=orjson.OPT_APPEND_NEWLINE)
        if line != self._told:
            with suppress(BlockingIOError, BrokenPipeError):  # nobody listens: counts are no reason to wait
                os.write(1, line)
                self._told = line


def _waiting() -> int:
    """Returns the bytes in the pipe."""
    size = bytearray(4)
    fcntl.ioctl(0, termios.FIONREAD, size)
    return int.from_bytes(size, sys.byteorder)


def arguments() -> argparse.ArgumentParser:
    """Returns the parser of the process's command line; ``CaptureWriter`` writes it."""
    parser = argparse.ArgumentParser(prog="python -m components.capture.process", allow_abbrev=False)
    for name in ("place", "endpoint", "variant"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("flush-seconds", "rotate-seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    for name in ("rotate-bytes", "spool-bytes", "parent"):
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
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    try:
        Writer(arguments().parse_args()).run()
    except (RoadworthyError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # Not sys.exit: a store that hangs would hold the interpreter's end up.
    os._exit(main())
