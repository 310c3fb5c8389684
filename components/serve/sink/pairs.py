"""Request and response of one exchange, brought together within a bounded time and memory.

Each event that comes has one outcome at last, and the outcomes add up::

    events = paired + duplicate + unsampled + refused + unpaired + waiting

A half that finds no room is refused: those that wait are never thrown out for it, or under load too heavy for the room
each request would be gone by the time its response comes, and nothing would be captured at all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from components.capture.record import sampled
from components.serve.sink.events import REQUEST, RESPONSE, Event

PAIRED = "paired"
"""Both halves came, and the capture took the exchange."""
DUPLICATE = "duplicate"
"""The same half of the exchange waits already, or the exchange is done: the first one counts."""
UNSAMPLED = "unsampled"
"""The exchange is not in the sampled share."""
REFUSED = "refused"
"""There was no room, here or in the capture's queue; whoever sent it may send it again."""
UNPAIRED = "unpaired"
"""The other half did not come in time, or not before the end."""
WAITING = "waiting"
"""The other half may still come."""

OUTCOMES = (PAIRED, DUPLICATE, UNSAMPLED, REFUSED, UNPAIRED)

_OVERHEAD = 1024  # bytes that a half counts on top of its body: texts, objects
_REMEMBERED = 100_000  # exchanges that are done and whose duplicates are known; some 20 MB

Offer = Callable[[Event, Event], bool]


class Pairs:
    """The halves that wait for their other halves.

    Args:
        offer: Takes a request and its response, or says False where it has no room; must not wait.
        seconds: That a half waits, and that an exchange that is done is remembered.
        limit: Bytes of halves that wait, at most.
        percentage: Of exchanges that are sampled, by their event ids; others are not kept for a moment.
        clock: Returns seconds that only grow.

    Attributes:
        held: Bytes that wait, ``0 <= held <= limit`` at any time.
        counts: Events by kind and outcome.
    """

    def __init__(
        self,
        offer: Offer,
        *,
        seconds: float = 60.0,
        limit: int = 128 * 1024 * 1024,
        percentage: float = 100.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.held = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self._offer = offer
        self._seconds = seconds
        self._limit = limit
        self._percentage = percentage
        self._clock = clock
        # Both in the order of their ends, since everything stays for one and the same time.
        self._waiting: dict[str, tuple[float, Event]] = {}
        self._done: dict[str, float] = {}

    def __len__(self) -> int:
        """How many halves wait."""
        return len(self._waiting)

    def take(self, event: Event) -> str:
        """Takes half an exchange; returns its outcome until now."""
        self.expire()
        outcome = self._outcome(event)
        if outcome == PAIRED:
            self.counts.update((kind, PAIRED) for kind in (REQUEST, RESPONSE))
        elif outcome != WAITING:
            self.counts[event.kind, outcome] += 1
        return outcome

    def expire(self) -> None:
        """Gives up the halves that have waited long enough, and forgets what is long done."""
        now = self._clock()
        while self._waiting and (first := next(iter(self._waiting.values())))[0] <= now:
            self._give_up(first[1])
        while self._done and (event_id := next(iter(self._done))) and self._done[event_id] <= now:
            del self._done[event_id]

    def clear(self) -> None:
        """Gives up all halves that wait: it is over."""
        for _, event in list(self._waiting.values()):
            self._give_up(event)

    def _outcome(self, event: Event) -> str:
        if not sampled(event.event_id, self._percentage):
            return UNSAMPLED
        if event.event_id in self._done:
            return DUPLICATE
        _, other = self._waiting.get(event.event_id, (0.0, None))
        if other is None:
            return self._wait(event)
        if other.kind == event.kind:
            return DUPLICATE
        request, response = (event, other) if event.kind == REQUEST else (other, event)
        if not self._offer(request, response):
            return REFUSED  # its other half goes on waiting: it may come again
        self._leave(other)
        self._remember(event.event_id)
        return PAIRED

    def _wait(self, event: Event) -> str:
        if self.held + _size(event) > self._limit:
            return REFUSED
        self.held += _size(event)
        self._waiting[event.event_id] = self._clock() + self._seconds, event
        return WAITING

    def _leave(self, event: Event) -> None:
        del self._waiting[event.event_id]
        self.held -= _size(event)

    def _give_up(self, event: Event) -> None:
        self._leave(event)
        self.counts[event.kind, UNPAIRED] += 1

    def _remember(self, event_id: str) -> None:
        self._done[event_id] = self._clock() + self._seconds
        if len(self._done) > _REMEMBERED:
            del self._done[next(iter(self._done))]


def _size(event: Event) -> int:
    return _OVERHEAD + len(event.body) + len(event.content_type or "")
