"""The sink's routes: events at ``/``, health, metrics."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from components.serve import plain
from components.serve.gate import Answer, Gate, Request
from components.serve.limits import BusyError, Limits
from components.serve.metrics import CONTENT_TYPE
from components.serve.protocols.identity import Identity
from components.serve.sink import events
from components.serve.sink.endpoints import Endpoints
from components.serve.sink.metrics import metrics
from components.serve.sink.pairs import REFUSED, Pairs

CLOSE_SECONDS = 5.0
_TICK = 1.0  # seconds between looks for halves that have waited long enough


class Sink:
    """What takes events and gives exchanges.

    Args:
        name: Of the sink, for its metrics.
        pairs: Where halves wait.
        endpoints: Where exchanges go; closed with the sink.
        limits: What is refused.
    """

    def __init__(self, name: str, pairs: Pairs, endpoints: Endpoints, limits: Limits) -> None:
        self.limits = limits
        self.metrics = metrics(name, pairs, endpoints)
        self.ready = False
        """Whether the sink takes events: false before the start, and again from SIGTERM on."""
        self._gate = Gate(limits, self.metrics)
        self._pairs = pairs
        self._endpoints = endpoints

    def drain(self) -> None:
        """Says that the sink is not ready any more; it still takes what comes."""
        self.ready = False
        self._gate.closing = True

    def application(self) -> ASGIApp:
        """Returns the ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._gate.protocol("cloudevents", self._take), methods=["POST"]),
                Route("/v2/health/live", plain.live),
                Route("/v2/health/ready", self._health),
                Route("/metrics", self._page),
            ],
            lifespan=self._lifespan,
            exception_handlers={HTTPException: plain.no_route("sink")},  # type: ignore[dict-item]
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        expiring = asyncio.create_task(self._expire())
        self.ready = True
        yield
        self.ready = False
        expiring.cancel()
        with suppress(asyncio.CancelledError):
            await expiring
        if len(self._pairs):
            print(f"sink: events whose other half did not come: {len(self._pairs)}", file=sys.stderr, flush=True)
        self._pairs.clear()
        self._endpoints.close(CLOSE_SECONDS)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._pairs.expire()

    async def _take(self, request: Request) -> Answer:
        event = events.parse(request.headers, request.body)
        self._endpoints.check(event)
        # The sender is told under which id the exchange is captured.
        request.identity = Identity(event.event_id, event.inference_id)
        outcome = self._pairs.take(event)
        if outcome == REFUSED:
            raise BusyError("expected room for half an exchange, found none: try again", "no_room")
        # KServe counts an event as delivered at status 200 alone, not at 202 or 204.
        return Answer(200, orjson.dumps({"event_id": event.event_id, "outcome": outcome}))

    async def _health(self, request: StarletteRequest) -> Response:
        return plain.document({"ready": self.ready}, 200 if self.ready else 503)

    async def _page(self, request: StarletteRequest) -> Response:
        return Response(self.metrics.page(), media_type=CONTENT_TYPE)
