"""A line every second on what long work has done and what is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Says ``rendered 1200 of 7740 images, 41 s left`` as plain lines, for terminals and logs alike.

    Args:
        done: The verb, such as ``rendered``.
        total: How many there are.
        things: What is counted, such as ``images``.
        stream: Where to say it; standard error when left out.
        clock: Returns seconds.
    """

    def __init__(
        self,
        done: str,
        total: int,
        things: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._done, self._total, self._things = done, total, things
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._count = 0
        self._start = self._said = clock()

    def step(self, n: int = 1) -> None:
        """Counts ``n`` more; says so when the last line is a second old, and at the end."""
        self._count += n
        now = self._clock()
        if self._count >= self._total:
            self._say(f"in {now - self._start:.0f} s")
        elif now - self._said >= 1:
            left = (now - self._start) * (self._total - self._count) / self._count
            self._say(f"{left:.0f} s left")
            self._said = now

    def _say(self, ending: str) -> None:
        print(f"{self._done} {self._count} of {self._total} {self._things}, {ending}", file=self._stream, flush=True)
