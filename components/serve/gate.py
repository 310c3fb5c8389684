"""What every request to a model passes: is there room, who is it, its body within limits, its errors as JSON.

The answer leaves first. Only then is the exchange offered to the capture, which can drop but never wait.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

import orjson

from components.capture.record import Exchange, exchange_of
from components.errors import InputError, RequestError
from components.serve.direct import DIRECT, Direct, Headers
from components.serve.endpoint import Slow
from components.serve.limits import Budget, BusyError, ClientGone, Limits, Receive, Reservation, read_body
from components.serve.metrics import Metrics
from components.serve.protocols import media
from components.serve.protocols.identity import EventIds, Identity, identify

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LINGER_SECONDS = 2.0
CLOSE = (b"connection", b"close")
ONCE = (b"content-type", b"content-length", b"content-encoding", b"accept")
REASONS = {408: "slow_body", 413: "too_large", 415: "type", 406: "type", 404: "unknown_model"}

GONE = "client gone"


class Answer(NamedTuple):
    """An answer before it is sent.

    Attributes:
        status: Of HTTP.
        body: All of it.
        content_type: Of the body.
        headers: On top of those that every answer has.
        captured_types: Content types of request and answer as the capture shall tell them, where the headers'
            own would not be enough to read the bodies.
    """

    status: int
    body: bytes
    content_type: str = media.JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    captured_types: tuple[str, str] | None = None


class Request:
    """One request; its body and headers are there once ``read`` has returned."""

    __slots__ = ("_receive", "_task", "_watch", "body", "direct", "headers", "identity", "parameters", "raw_headers")

    def __init__(self, scope: Scope, receive: Receive, event_id: str) -> None:
        self.raw_headers: Headers = scope["headers"]
        self.parameters: Mapping[str, str] = scope.get("path_params", {})
        self.headers: Mapping[bytes, bytes] = {}
        self.identity = Identity(event_id)
        self.body = b""
        self.direct: Direct | None = scope.get("extensions", {}).get(DIRECT)
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def read(self, limits: Limits, reservation: Reservation) -> None:
        """Reads headers and body.

        Raises:
            RequestError: A header is malformed, or the body too large or too slow.
            ClientGone: It never came whole.
        """
        self.headers = _headers(self.raw_headers)
        self.identity = identify(self.identity.event_id, self.headers)
        there = self.direct.body() if self.direct is not None else None
        self.body = await read_body(self._receive, _length(self.headers), limits, reservation, there)

    def text(self, name: bytes) -> str:
        """Returns a header's value, empty if it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    def watching(self) -> Slow:
        """Returns what to call if the answer takes long: from then on the request ends when its client goes."""
        self._task = asyncio.current_task()
        return self._start

    def done(self) -> None:
        """Ends the watching."""
        if self._watch is not None:
            self._watch.cancel()

    def _start(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None:
            self._task.cancel(msg=GONE)


class Capture(Protocol):
    """Where exchanges are offered to; ``components.capture.writer.CaptureWriter`` is one."""

    def offer(self, *exchanges: Exchange) -> int:
        """Takes or drops exchanges, without waiting; returns how many it took."""

    def statistics(self) -> dict[str, int]:
        """Returns how many were captured and dropped."""

    def close(self, timeout: float = 5.0) -> None:
        """Writes what was taken."""


class Gate:
    """The way in and out of a server.

    Args:
        limits: What is refused.
        metrics: Where refusals and answers are counted.
        capture: Where exchanges are offered, None for nowhere.
    """

    def __init__(self, limits: Limits, metrics: Metrics, capture: Capture | None = None) -> None:
        self.limits = limits
        self.metrics = metrics
        self.capture = capture
        self.budget = Budget(limits.queue_bytes)
        self.event_ids = EventIds()
        self._answered: list[tuple[Request, Answer, float]] = []
        self.requests = 0
        """At work now."""
        self.closing = False
        """Whether answers ask their clients to come no more on this connection."""

    def answered(self, request: Request, answer: Answer) -> None:
        """Keeps an exchange for the capture, which gets all of a turn of the event loop at once.

        One by one they would cost several times as much: between two answers the processor has forgotten how it goes.
        """
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._answered.append((request, answer, time.time()))

    def _hand_over(self) -> None:
        answered, self._answered = self._answered, []
        if self.capture is not None:
            self.capture.offer(*_exchanges(answered))

    def protocol(self, name: str, handle: Callable[[Request], Awaitable[Answer]]) -> Entrance:
        """Returns an ASGI application that passes its requests to ``handle``."""
        return Entrance(self, name, handle)


class Entrance:
    """One protocol's way through the gate, an ASGI application."""

    def __init__(self, gate: Gate, name: str, handle: Callable[[Request], Awaitable[Answer]]) -> None:
        self._gate = gate
        self._name = name
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        gate = self._gate
        reservation = Reservation(gate.budget)
        request = Request(scope, receive, gate.event_ids())
        gate.requests += 1
        try:
            answer = await self._answer(request, reservation)
            gate.metrics.count(self._name, answer.status)
            if gate.closing:
                answer = answer._replace(headers=(*answer.headers, CLOSE))
            await _send(answer, request, receive, send)
        except ClientGone:
            gate.metrics.reject("client_gone")
            return
        finally:
            gate.requests -= 1
            reservation.release()
        if gate.capture is not None and answer.status == 200:
            gate.answered(request, answer)

    async def _answer(self, request: Request, reservation: Reservation) -> Answer:
        gate = self._gate
        try:
            if gate.requests > gate.limits.requests:
                raise BusyError(f"expected at most {gate.limits.requests} requests at once, found more", "requests")
            await request.read(gate.limits, reservation)
            return await self._handle(request)
        except InputError as error:
            return self._refusal(error)
        except asyncio.CancelledError as error:
            if error.args[:1] == (GONE,):
                raise ClientGone from None
            raise
        except ClientGone:
            raise
        except Exception:
            return self._failure(request.identity)
        finally:
            request.done()

    def _refusal(self, error: InputError) -> Answer:
        status = error.status if isinstance(error, RequestError) else 400
        reason = error.reason if isinstance(error, BusyError) else REASONS.get(status, "malformed")
        self._gate.metrics.reject(reason)
        return refusal(status, str(error))

    def _failure(self, identity: Identity) -> Answer:
        # The log gets the traceback; the client gets what to look for in the log.
        print(f"event {identity.event_id}: {traceback.format_exc()}", file=sys.stderr, flush=True)
        self._gate.metrics.reject("failure")
        return refusal(
            500, f"expected an answer from the model, found a failure; the log has it under {identity.event_id}"
        )


def refusal(status: int, message: str) -> Answer:
    """Returns an answer that says why there is none, ``{"error": …}``."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if status == 503:
        headers = ((b"retry-after", b"1"),)
    elif status in (408, 413):  # the rest of the body may still be under way
        headers = (CLOSE,)
    return Answer(status, orjson.dumps({"error": message}), headers=headers)


def _headers(raw: Headers) -> Mapping[bytes, bytes]:
    headers = dict(raw)
    if len(headers) != len(raw):
        names = [name for name, _ in raw]
        twice = [name.decode() for name in ONCE if names.count(name) > 1]
        if twice:
            raise RequestError(f"expected the header {twice[0]} once, found it {names.count(twice[0].encode())} times")
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        # A compressed body may be a thousand times as large as it came, and images gain nothing by it.
        raise RequestError(f"expected the Content-Encoding identity, found {encoding[:40].decode('latin-1')!r}", 415)
    return headers


def _length(headers: Mapping[bytes, bytes]) -> int | None:
    length = headers.get(b"content-length")
    return int(length) if length is not None and length.isdigit() else None


async def _send(answer: Answer, request: Request, receive: Receive, send: Send) -> None:
    head = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
        *request.identity.headers(),
    ]
    direct = request.direct if answer.status == 200 and CLOSE not in answer.headers else None
    if direct is not None and direct.answer(head, answer.body):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    if answer.status not in (408, 413):
        await send({"type": "http.response.body", "body": answer.body})
        return
    # Closing while the client still sends would reset the connection and take the answer with it: let it read first.
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def _exchanges(answered: list[tuple[Request, Answer, float]]) -> list[Exchange]:
    exchanges = []
    for request, (_, body, content_type, _, types), seconds in answered:
        event_id, inference_id, attributes = request.identity
        request_type, response_type = types or (request.text(b"content-type"), content_type)
        given = request.body
        exchanges.append(
            exchange_of((event_id, seconds, given, request_type, body, response_type, inference_id, attributes, None))
        )
    return exchanges
