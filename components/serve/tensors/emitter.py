"""What the server offers its exchanges to; a thread feeds the process from the queue."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.capture.record import Exchange, sampled
from components.serve.tensors import pipe
from components.serve.tensors.recording import Recording
from components.serve.tensors.settings import Settings, Watched, checked
from components.storage import place as to_place

QUEUE_BYTES = 64 * 1024 * 1024

_OVERHEAD = 1024  # bytes a request counts on top of its body


class TensorEmitter:
    """Has the tensors of a share of a server's requests recorded; can drop, but never wait or raise.

    The process is started with the first request that is taken: a server whose recording is off has none.

    Args:
        place: Where the steps go.
        model: The package the server serves.
        digest: Its identity; the process refuses another.
        settings: As the command line has them.
        config: A file that changes them while the server runs, None for none.
        check: Raises InputError for an include_regex that the model has nothing for.
        queue_bytes: The most that waits; what comes on top is dropped.

    Raises:
        InputError: Settings that cannot be, or an include_regex that the model has nothing for.
        StorageError: A place of a kind that there is not.
    """

    def __init__(
        self,
        place: str,
        model: Path,
        digest: str,
        settings: Settings = Settings(),  # noqa: B008 - a tuple cannot change
        config: Path | None = None,
        check: Callable[[str], Any] = str,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        if checked(settings).include_regex:
            check(settings.include_regex)
        self.settings = settings
        self._limit = queue_bytes
        self._waiting: queue.SimpleQueue[pipe.Asked | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._used = self._taken = self._refused = 0
        self._closed = False
        self._process = Recording(
            ["--place", to_place(place).uri, "--model", str(model.absolute()), "--digest", digest]
        )
        self._thread = threading.Thread(target=self._feed, name="tensors", daemon=True)
        self._thread.start()
        self._watched = None if config is None else Watched(config, settings, check, self._take)
        if self._watched is not None:
            self._watched.look()
            self._watched.start()

    def offer(self, *exchanges: Exchange) -> int:
        """Takes the exchanges that are sampled, as far as there is room for them; returns how many it took."""
        return sum(map(self._takes, exchanges))

    def _takes(self, exchange: Exchange) -> bool:
        settings = self.settings
        if not settings.enabled or exchange.request is None or not sampled(exchange.event_id, settings.percentage):
            return False
        size = len(exchange.request) + _OVERHEAD
        with self._lock:
            if self._closed or self._used + size > self._limit:
                self._refused += 1
                return False
            self._used += size
            self._taken += 1
        self._waiting.put(pipe.asked(exchange, settings.include_regex))
        return True

    def statistics(self) -> dict[str, int]:
        """Returns counters since the start, and what is now.

        ``tensors_total``: requests taken by ``offer``; each is written, dropped or on its way.
        ``tensors_dropped_total``: refused by a full queue, or not recorded after it. ``tensors_written_total``: steps
        in the place. ``tensors_restarts_total``: of the process. ``tensors_config_errors_total``: contents of the file
        that could not be taken. ``tensors_enabled``: 1 if anything is recorded. ``tensors_queue_bytes``: what waits.
        """
        return {
            "tensors_total": self._taken,
            "tensors_dropped_total": self._refused + self._process.lost,
            "tensors_written_total": self._process.written,
            "tensors_restarts_total": self._process.restarts,
            "tensors_config_errors_total": 0 if self._watched is None else self._watched.errors,
            "tensors_enabled": int(self.settings.enabled and self.settings.percentage > 0),
            "tensors_queue_bytes": self._used,
        }

    def close(self, timeout: float = 5.0) -> None:
        """Ends the recording; what was taken is recorded as far as the seconds go, the rest is dropped."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._watched is not None:
            self._watched.close()
        deadline = time.monotonic() + timeout
        self._waiting.put(None)
        self._thread.join(timeout)
        self._process.stop(max(0.0, deadline - time.monotonic()))
        self._thread.join(1.0)
        self._process.settle()

    def _take(self, settings: Settings) -> None:
        self.settings = settings

    def _feed(self) -> None:
        while (item := self._waiting.get()) is not None:
            while not self._process.send(item):
                time.sleep(0.05)
            with self._lock:
                self._used -= len(item.body) + _OVERHEAD
