"""The endpoints that exchanges are captured for: one writer each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from components.capture.record import Exchange, named
from components.errors import InputError, RequestError
from components.serve.gate import Capture
from components.serve.sink.events import Event

_LATE = 3600.0  # seconds: a record may lie in the folder of the hour before its own, not in an earlier one
_EARLY = 60.0  # seconds that the sender's clock may be ahead


class Endpoints:
    """Writers by the name of their endpoint, started when the first event for it comes.

    Args:
        name: The endpoint of all events; empty: each event's InferenceService.
        most: Endpoints, where the events name them. Each costs a process, and whoever reaches the sink may name one.
        start: Makes the writer of an endpoint.
    """

    def __init__(self, name: str, most: int, start: Callable[[str], Capture]) -> None:
        self._name = name
        self._most = most
        self._start = start
        self._writers: dict[str, Capture] = {}
        if name:
            self._writers[name] = start(name)

    def check(self, event: Event) -> None:
        """Starts the writer of an event's endpoint, if it is the first.

        Raises:
            RequestError: The event names none, one that cannot be, or one too many.
        """
        name = self._name or event.service
        if name in self._writers:
            return
        try:
            named(name)
        except InputError as error:
            raise RequestError(f"ce-inferenceservicename: {error}") from None
        if len(self._writers) >= self._most:
            raise RequestError(f"expected events of at most {self._most} InferenceServices, found one more")
        self._writers[name] = self._start(name)

    def offer(self, request: Event, response: Event) -> bool:
        """Hands an exchange to its endpoint's writer, without waiting; returns whether there was room."""
        exchange = Exchange(
            request.event_id,
            _time(response, request),
            request.body,
            request.content_type,
            response.body,
            response.content_type,
            request.inference_id,
        )
        return self._writers[self._name or request.service].offer(exchange) > 0

    def statistics(self) -> Mapping[str, Mapping[str, int]]:
        """Returns what each writer counted, by endpoint."""
        return {name: writer.statistics() for name, writer in list(self._writers.items())}

    def close(self, timeout: float) -> None:
        """Closes all writers within the seconds, at once: what they took is written and moved to the place."""
        threads = [threading.Thread(target=one.close, args=(timeout,)) for one in self._writers.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _time(response: Event, request: Event) -> float:
    """Returns when it was: as the response's event says or else the request's, unless no clock could be that wrong."""
    now = time.time()
    told = [at for at in (response.time, request.time) if at is not None and now - _LATE <= at <= now + _EARLY]
    return told[0] if told else now
