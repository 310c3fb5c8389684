"""Offering an exchange to more than one taker."""

from __future__ import annotations

import time

from components.capture.record import Exchange
from components.serve.gate import Capture


class Both:
    """Two takers as one; each takes or drops on its own."""

    def __init__(self, first: Capture, second: Capture) -> None:
        self._first = first
        self._second = second

    def offer(self, *exchanges: Exchange) -> int:
        """Offers to both; returns how many the one took that took more."""
        return max(self._first.offer(*exchanges), self._second.offer(*exchanges))

    def statistics(self) -> dict[str, int]:
        """Returns both's counts."""
        return {**self._first.statistics(), **self._second.statistics()}

    def close(self, timeout: float = 5.0) -> None:
        """Closes both within the time of one."""
        deadline = time.monotonic() + timeout
        self._first.close(timeout)
        self._second.close(max(0.5, deadline - time.monotonic()))


def both(first: Capture | None, second: Capture | None) -> Capture | None:
    """Returns whichever there is, or both as one."""
    if first is None or second is None:
        return second if first is None else first
    return Both(first, second)
