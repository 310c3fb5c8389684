"""The writer process as the server sees it: what it is told, what it has done, and its life.

Nothing here waits: it is told of frames through a pipe that is written without blocking, what it has done stands in the
ring's ledger, and a process that died is started again after a pause that doubles each time, up to a minute.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from contextlib import suppress
from itertools import islice

from components.background import PAUSES, launch
from components.capture.ring import TOLD, Ledger, Ring, Run

_AT_ONCE = 4096 // TOLD.size  # a pipe takes that many bytes whole or not at all (PIPE_BUF)
_STEADY = 60.0  # seconds a process must live for the pauses to begin anew
# glibc's allocator keeps what the process frees: otherwise each turn maps the same megabyte anew, page by page.
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(64 << 20)}


class Child:
    """One writer process after the other.

    Args:
        arguments: Of ``components.capture.process``, but for the ring's and the server's.
        ring: Where the frames lie.

    Attributes:
        lost: Records that died with a process.
        restarts: How often a process was started after the first.
    """

    def __init__(self, arguments: list[str], ring: Ring) -> None:
        ours = ("--ring", str(ring.descriptor), "--ring-bytes", str(ring.size), "--parent", str(os.getpid()))
        self._arguments = [*arguments, *ours]
        self._ring = ring
        self._process: subprocess.Popen[bytes] | None = None
        self._untold: deque[Run] = deque()
        self._before = Ledger()
        self._released = self._taken = 0
        self._attempts = 0
        self._started = self._again = 0.0
        self.lost = self.restarts = 0

    def counts(self) -> Ledger:
        """Returns what all processes have done together; the spool's bytes are those of now."""
        now = self._ring.ledger()
        return Ledger(*map(sum, zip(self._before, now, strict=True)))._replace(spool=now.spool)

    @property
    def running(self) -> bool:
        """Whether there is a process to tell."""
        return self._process is not None

    def start(self) -> None:
        """Starts a process, unless the pause after the last one's death is not over."""
        if self.running or time.monotonic() < self._again:
            return
        self.restarts += self._attempts > 0
        self._again = time.monotonic() + PAUSES[min(self._attempts, len(PAUSES) - 1)]
        self._attempts += 1
        self._started = time.monotonic()
        with suppress(OSError):  # no memory, no process left: tried again after the pause
            self._process = launch(
                "components.capture.process",
                self._arguments,
                _MALLOC,
                stdout=subprocess.DEVNULL,
                keep=[self._ring.descriptor],
            )
            os.set_blocking(self._pipe(), False)
            self._untold = deque(self._ring.runs)

    def _pipe(self) -> int:
        if self._process is None or self._process.stdin is None:
            raise ValueError("expected a pipe to the writer process, found none")
        return self._process.stdin.fileno()

    def tell(self, run: Run) -> None:
        """Tells the process of a run, as soon as the pipe takes it."""
        if self.running:
            self._untold.append(run)
            self.push()

    def push(self) -> None:
        """Tells what could not be told before."""
        while self.running and self._untold:
            some = list(islice(self._untold, _AT_ONCE))
            try:
                os.write(self._pipe(), b"".join(TOLD.pack(run.start, run.size) for run in some))
            except (BlockingIOError, BrokenPipeError):
                return
            for _ in some:
                self._untold.popleft()

    def release(self) -> None:
        """Makes room in the ring of what the process has taken out of it."""
        taken = self._ring.taken()
        if taken > self._taken:
            self._released += self._ring.release(taken - self._taken)
            self._taken = taken

    def mourn(self) -> None:
        """Does the accounts of a process that died: what it took and did not write is lost, the next gets the rest."""
        if self._process is not None and self._process.poll() is not None:
            self._bury(self._process)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self.release()
        now = self._ring.ledger()
        self.lost += self._released - now.written - now.dropped
        self._before = self.counts()
        self._ring.begin()
        self._released = self._taken = 0
        self._untold.clear()
        self._process = None
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        if time.monotonic() - self._started > _STEADY:
            self._attempts = 1

    def stop(self, seconds: float) -> None:
        """Ends the pipe and waits that long for the process to finish; then kills it, its spool holds what is left."""
        if self._process is not None:
            self._end(self._process, seconds)
            self._bury(self._process)
        self.lost += self._ring.release(len(self._ring.runs))
        self._ring.close()

    def _end(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._untold and process.poll() is None and time.monotonic() < deadline:
            self.push()
            time.sleep(0.02)
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: it dies when that lets it go
            process.wait(1.0)
