"""The process that records, seen from the server: started when there is something to record, again when it dies."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress

from components.background import PAUSES, launch
from components.serve.tensors import pipe


class Recording:
    """One process after the other; each is fed by one thread.

    Args:
        arguments: Of ``components.serve.tensors.process``.

    Attributes:
        written: Steps in the place.
        lost: Requests that were sent and not recorded.
        restarts: How often a process was started after the first.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._lock = threading.Lock()
        self._open = 0
        self._again = 0.0
        self._failures = 0
        self._over = False
        self.written = self.lost = 0
        self.restarts = -1

    def send(self, item: pipe.Asked) -> bool:
        """Sends a request, and waits while the process is busy; returns False where it has to be sent again.

        A request on which a process dies is lost, not sent again: it may be what kills it.
        """
        if self._over:
            self.lost += 1
            return True
        process = self._running()
        if process is None or process.stdin is None:
            return False
        with self._lock:
            self._open += 1
        with suppress(OSError, ValueError):  # it died, or was stopped: the listener does the accounts
            pipe.write(process.stdin, item)
        return True

    def stop(self, seconds: float) -> None:
        """Ends the pipe, waits that long for the process to finish, then kills it."""
        self._over = True
        process = self._process
        if process is None:
            return
        deadline = time.monotonic() + seconds
        while self._open and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None and self._open:
            process.kill()
        elif process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
        if self._listener is not None:
            self._listener.join(1.0)

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._process is not None and self._process.poll() is None:
            return self._process
        if time.monotonic() < self._again:
            return None
        if self._listener is not None:
            self._listener.join()  # the accounts of the last one are done before the next one's begin
        self._again = time.monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self.restarts += 1
        with suppress(OSError):
            self._process = launch("components.serve.tensors.process", self._arguments)
            self._listener = threading.Thread(
                target=self._listen, args=(self._process,), name="tensors-told", daemon=True
            )
            self._listener.start()
            return self._process
        return None

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Counts what the process tells, and at its end what it took with it."""
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                written = pipe.heard(line)
                with self._lock:
                    self._open -= 1
                    self.written += written
                    self.lost += not written
                    self._failures = 0
        process.wait()
        with suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.close()
        self.settle()

    def settle(self) -> None:
        """Counts what was sent and will not be answered any more as lost."""
        with self._lock:
            self.lost += self._open
            self._open = 0
