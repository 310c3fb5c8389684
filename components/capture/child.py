"""The writer process as the server sees it: a pipe that takes what fits, its reports, and its life.

Nothing here waits: the pipe is written and the reports are read without blocking, and a process that died is started
again after a pause that doubles each time, up to a minute.
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import time
from collections import deque
from contextlib import suppress

import orjson

from components.background import PAUSES, launch

_PIPE = 1 << 20  # bytes; what an unprivileged process may have (fs.pipe-max-size)
_STEADY = 60.0  # seconds a process must live for the pauses to begin anew
_COUNTS = ("written", "dropped", "bytes", "files", "errors", "unstripped")
# glibc's allocator keeps what the process frees: otherwise each turn maps the same megabyte anew, page by page.
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(64 << 20)}
_BUFFERS = 1024  # that one writev takes (IOV_MAX)

Buffer = bytes | memoryview


class Child:
    """One writer process after the other.

    Args:
        arguments: Of ``components.capture.process``.

    Attributes:
        lost: Records that were sent to a process that died before it had written them.
        spool: Bytes in the spool, when last heard of.
        restarts: How often a process was started after the first.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._rest: deque[Buffer] = deque()
        self._heard = b""
        self._sent = 0
        self._before = dict.fromkeys(_COUNTS, 0)
        self._latest = dict.fromkeys(_COUNTS, 0)
        self._attempts = 0
        self._started = self._again = 0.0
        self.lost = self.spool = self.restarts = 0
        self._pipe = self._reports = -1

    def counts(self) -> dict[str, int]:
        """Returns what all processes reported together: written, dropped, bytes, files, errors, unstripped."""
        return {name: self._before[name] + self._latest[name] for name in _COUNTS}

    @property
    def running(self) -> bool:
        """Whether there is a process to send to."""
        return self._process is not None

    @property
    def idle(self) -> bool:
        """Whether everything that was sent has gone into the pipe."""
        return not self._rest

    def start(self) -> None:
        """Starts a process, unless the pause after the last one's death is not over."""
        if self.running or time.monotonic() < self._again:
            return
        self.restarts += self._attempts > 0
        self._again = time.monotonic() + PAUSES[min(self._attempts, len(PAUSES) - 1)]
        self._attempts += 1
        self._started = time.monotonic()
        arguments = [*self._arguments, "--parent", str(os.getpid())]
        with suppress(OSError):  # no memory, no process left: tried again after the pause
            self._process = launch("components.capture.process", arguments, _MALLOC)
            self._prepare_pipes(self._process)

    def _prepare_pipes(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("expected pipes to the writer process, found none")
        self._pipe, self._reports = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        os.set_blocking(self._reports, False)
        with suppress(OSError):  # over the user's share of pipe memory: the usual 64 KiB do as well
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE)

    def send(self, buffers: list[Buffer], records: int) -> None:
        """Takes the frames of some records; what does not fit into the pipe waits for ``push``."""
        self._rest.extend(buffers)
        self._sent += records

    def push(self) -> bool:
        """Writes what waits; returns False if the pipe is full or the process is gone."""
        while self._rest:
            buffers = [self._rest.popleft() for _ in range(min(len(self._rest), _BUFFERS))]
            try:
                taken = os.writev(self._pipe, buffers)
            except (BlockingIOError, BrokenPipeError):
                taken = 0
            for at, buffer in enumerate(buffers):
                if taken < len(buffer):
                    self._rest.extendleft(reversed([memoryview(buffer)[taken:], *buffers[at + 1 :]]))
                    return False
                taken -= len(buffer)
        return True

    def wait_for_room(self, seconds: float) -> None:
        """Returns when the pipe takes more, or after that time."""
        if not self.running:
            time.sleep(seconds)
            return
        poll = select.poll()  # select itself ends at descriptor 1024, of which a busy server has more
        poll.register(self._pipe, select.POLLOUT)
        if any(event & select.POLLERR for _, event in poll.poll(seconds * 1000)):
            time.sleep(0.01)  # the process is dying: let it

    def listen(self) -> None:
        """Reads the reports that have come in."""
        if not self.running:
            return
        with suppress(BlockingIOError):
            while chunk := os.read(self._reports, 1 << 16):
                *lines, self._heard = (self._heard + chunk).split(b"\n")
                if lines:
                    latest = orjson.loads(lines[-1])  # they are sums: the last one says all
                    self.spool = latest["spool"]
                    self._latest = {name: latest[name] for name in _COUNTS}

    def mourn(self) -> None:
        """Does the accounts of a process that died: the pipe's content is lost, what waited for it goes to the next."""
        if self._process is not None and self._process.poll() is not None:
            self._bury(self._process)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self.listen()
        self._close_pipes(process)
        self._process = None
        waiting = self._whole_frames()
        self.lost += self._sent - waiting - self._latest["written"] - self._latest["dropped"]
        self._before, self._latest = self.counts(), dict.fromkeys(_COUNTS, 0)
        self._heard, self._sent = b"", waiting
        if time.monotonic() - self._started > _STEADY:
            self._attempts = 1

    def _whole_frames(self) -> int:
        """Removes the rest of a frame of which the pipe has taken a part; returns how many frames wait."""
        cut = bool(self._rest) and isinstance(self._rest[0], memoryview)
        while cut or len(self._rest) % 3:  # a frame is three buffers
            self._rest.popleft()
            cut = False
        return len(self._rest) // 3

    def stop(self, seconds: float) -> None:
        """Ends the pipe and waits that long for the process to finish; then kills it, its spool holds what is left."""
        if self._process is not None:
            self._end(self._process, seconds)
            self._bury(self._process)
        self.lost += self._sent
        self._sent = 0
        self._rest.clear()

    def _end(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            self.listen()
            time.sleep(0.02)
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: it dies when that lets it go
            process.wait(1.0)

    def _close_pipes(self, process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
