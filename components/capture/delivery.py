"""Moves finished files from the spool to their place, for as long as it takes."""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from components.capture.spool import Spool
from components.storage import place

_PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)  # seconds between attempts while a place fails


class Delivery(threading.Thread):
    """A thread that starts with what lies in the spool already, then moves what is finished.

    Args:
        spool: Where the files lie; a file's key is its path below the spool's root.
        uri: The place they go to.
        finished: Where finished files come from; None is the end.

    Attributes:
        files: How many were moved.
        errors: How many attempts failed.
    """

    def __init__(self, spool: Spool, uri: str, finished: SimpleQueue[Path | None]) -> None:
        super().__init__(name="capture-delivery", daemon=True)
        self.files = 0
        self.errors = 0
        self._spool = spool
        self._place = place(uri)
        self._finished = finished

    def finish(self) -> None:
        """Ends the thread after what was finished until now."""
        self._finished.put(None)

    def run(self) -> None:
        """Moves files, the oldest first, until ``finish``."""
        try:
            for found in self._spool.recover():
                self._deliver(found)
        except OSError as error:
            self._failed(f"reading the spool {self._spool.root}: found {error.strerror}")
        while (path := self._finished.get()) is not None:
            self._deliver(path)

    def _deliver(self, path: Path) -> None:
        # The key is the path below the spool's root, whoever moves it and how often: no record appears twice.
        target = self._place.child(path.relative_to(self._spool.root).as_posix())
        for attempt in count():
            if not path.exists():  # another writer of the same spool was faster
                break
            try:
                target.put_file(path, move=True)
                self.files += 1
                break
            except Exception as error:  # whatever it is: a thread that died would be a place that never answers
                self._failed(f"{target}: {error}" if attempt == 0 else "")
            time.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
        self._spool.release(path)

    def _failed(self, message: str) -> None:
        self.errors += 1
        if message:
            print(f"capture: {message}; it stays in the spool and is tried again", file=sys.stderr, flush=True)
