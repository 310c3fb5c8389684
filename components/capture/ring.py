"""Memory that the server shares with its writer process: where frames wait, and what the process has done so far.

The server copies frames in, the process copies them out. What lies where is told through a pipe (``child``), which is
also what orders the two: nothing is read that the pipe has not told. The frames themselves do not go through it. Both
ends of a pipe lock it while they copy, so a writer process that lost the processor just then would have the server's
event loop wait for it, for milliseconds.

The first page is the process's ledger, the rest the frames'. Memory is taken up as it is used, and a page's first use
costs more than what is copied into it. So the frames' memory has two parts: a writer that keeps up is served from the
first one, a few megabytes round and round, and only what does not fit there goes to the other, the long one.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from components.errors import InputError

TOLD = struct.Struct("<QQ")
"""What the pipe says of a run: where it starts, and its bytes."""

_PAGE = mmap.PAGESIZE
_USUAL = 4 * 1024 * 1024  # bytes of the first part, whose memory stays
_JOINED = 192 * 1024  # bytes that are copied once more, to be copied in one piece
_TAKEN = struct.Struct("<q")


class Ledger(NamedTuple):
    """What a writer process has done since it started.

    Attributes:
        taken: Runs copied out of the ring.
        written: Records in the spool.
        dropped: Records that are not, and will not be.
        bytes: Of the records written.
        files: Moved to the place.
        errors: Failed attempts to write the spool or the place.
        unstripped: Records with a picture that ``privacy`` could not walk.
        spool: Bytes that lie in the spool now.
    """

    taken: int = 0
    written: int = 0
    dropped: int = 0
    bytes: int = 0
    files: int = 0
    errors: int = 0
    unstripped: int = 0
    spool: int = 0


_LEDGER = struct.Struct(f"<{len(Ledger._fields)}q")


class Run(NamedTuple):
    """Some whole frames in a row.

    Attributes:
        start: Bytes from the ring's front.
        size: Bytes.
        records: Frames.
    """

    start: int
    size: int
    records: int


class _Part:
    """A stretch of the ring, filled round and round: what has been read makes room.

    Args:
        start: Bytes from the ring's front.
        size: Bytes.

    Attributes:
        start: As given.
        end: Bytes from the ring's front.
        runs: What lies here, the oldest first.
        top: The furthest end of a run since the memory was last given back.
    """

    def __init__(self, start: int, size: int) -> None:
        self.start, self.end = start, start + size
        self.runs: deque[Run] = deque()
        self.top = self._next = start

    def add(self, size: int, records: int) -> Run | None:
        """Returns where a run goes, or None while there is no room for it in one piece."""
        start = self._room(size)
        if start is None:
            return None
        run = Run(start, size, records)
        self.runs.append(run)
        self._next = start + size
        self.top = max(self.top, self._next)
        return run

    def _room(self, size: int) -> int | None:
        if not self.runs:
            return self.start if size <= self.end - self.start else None
        oldest = self.runs[0].start
        if self._next <= oldest:  # what was put last lies in front of what was put first
            return self._next if self._next + size <= oldest else None
        if self._next + size <= self.end:
            return self._next
        return self.start if self.start + size <= oldest else None


class Ring:
    """The server's end.

    Args:
        size: Bytes of the part for bursts; an empty ring takes any run that fits.
        usual: Bytes of the part that is used first, in whole pages.

    Raises:
        InputError: The system gives no such memory.

    Attributes:
        descriptor: Of the memory, for the process.
        size: Bytes for frames, of both parts.
        runs: What was put and not released, the oldest first.
        used: Bytes of these.
    """

    def __init__(self, size: int, usual: int = _USUAL) -> None:
        self.size = usual + size
        try:
            self.descriptor = os.memfd_create("roadworthy-capture")
            os.ftruncate(self.descriptor, _PAGE + self.size)
            self._memory = mmap.mmap(self.descriptor, _PAGE + self.size)
        except OSError as error:  # no descriptor left, or a limit on the size of files, for which memory counts as one
            raise InputError(f"expected {self.size} bytes of memory to share, found {error.strerror}") from None
        self._usual, self._burst = _Part(0, usual), _Part(usual, size)
        self.runs: deque[Run] = deque()
        self.used = 0

    def put(self, pieces: Sequence[bytes], records: int) -> Run | None:
        """Copies frames in; returns where they lie, or None while there is no room for them in one piece."""
        size = sum(map(len, pieces))
        run = self._usual.add(size, records) or self._burst.add(size, records)
        if run is None:
            return None
        self._memory.seek(_PAGE + run.start)
        # Few copies of much: a call costs more than a kilobyte. A buffer of more than this would be mapped each time.
        for piece in (b"".join(pieces),) if size <= _JOINED else pieces:
            self._memory.write(piece)
        self.runs.append(run)
        self.used += size
        return run

    def release(self, runs: int) -> int:
        """Makes room of the oldest runs; returns how many records they held."""
        records = 0
        for _ in range(runs):
            run = self.runs.popleft()
            part = self._usual if run.start < self._burst.start else self._burst
            part.runs.popleft()  # the same: each part's runs are in the order of all
            self.used -= run.size
            records += run.records
        return records

    def shrink(self) -> None:
        """Gives back the memory that a burst has taken, once nothing of it waits."""
        burst = self._burst
        if not burst.runs and burst.top > burst.start:
            self._memory.madvise(mmap.MADV_REMOVE, _PAGE + burst.start, burst.top - burst.start)
            burst.top = burst.start

    def close(self) -> None:
        """Gives all memory back but the ledger's, which can still be read."""
        os.ftruncate(self.descriptor, _PAGE)
        os.close(self.descriptor)

    def taken(self) -> int:
        """Returns how many runs the process has copied out."""
        return _TAKEN.unpack_from(self._memory)[0]

    def ledger(self) -> Ledger:
        """Returns what the process has done."""
        return Ledger._make(_LEDGER.unpack_from(self._memory))

    def begin(self) -> None:
        """Makes the ledger that of a process that has done nothing yet; only while there is none."""
        _LEDGER.pack_into(self._memory, 0, *Ledger(spool=self.ledger().spool))


class Outlet:
    """The process's end.

    Args:
        descriptor: Of the memory.
        size: Bytes for frames, as the server's.

    Attributes:
        taken: Runs copied out.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.taken = 0
        self._memory = mmap.mmap(descriptor, _PAGE + size)

    def take(self, start: int, size: int) -> bytes:
        """Copies a run out; it is the server's again, and is lost if this process dies with it."""
        data = self._memory[_PAGE + start : _PAGE + start + size]
        self.taken += 1
        _TAKEN.pack_into(self._memory, 0, self.taken)
        return data

    def tell(self, ledger: Ledger) -> None:
        """Says what this process has done so far."""
        _LEDGER.pack_into(self._memory, 0, *ledger)
