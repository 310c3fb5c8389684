"""uvicorn with what it leaves out: bounds on a request's head, errors as JSON, and a shutdown that drains."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from asyncio import TimerHandle, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from components.serve.limits import Limits

DRAIN_SECONDS = 20
"""For requests at work when the server is asked to stop; with the capture's 5 it stays below SageMaker's 30."""

_LOOK = 0.5  # seconds between looks for the parent, while a model is loaded


class Server(Protocol):
    """What is served: ``serve.app.Server`` is one, ``serve.sink.app.Sink`` another."""

    limits: Limits

    def application(self) -> ASGIApp:
        """Returns the ASGI application."""

    def drain(self) -> None:
        """Says that it is not ready any more; it still answers."""


class Joining:
    """A transport that keeps an answer's head until its body comes, and sends both at once.

    uvicorn writes them one after the other, which is two system calls and two packets for every answer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends what was kept and ``data``, or keeps it if it is a final answer's head."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Sends a head that no body followed, as after HEAD."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Sends what was kept, and closes."""
        self.flush()
        self._transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose heads have an end: in bytes, and in seconds.

    llhttp takes headers as long as they come, and uvicorn waits for them as long as they take.
    """

    limits = Limits()

    def connection_made(self, transport: Transport) -> None:
        """Starts the clock for the first request's head."""
        super().connection_made(transport)
        self.transport: Any = Joining(transport)
        self._head_bytes = 0
        self._in_head = True
        self._clock: TimerHandle | None = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes before a head is whole."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head or not self._head_bytes or self.transport.is_closing():
            return
        if self._head_bytes > self.limits.header_bytes:
            self._refuse(431, f"expected a head of at most {self.limits.header_bytes} bytes, found more")
        elif self._clock is None:  # a part of the next head, on a connection that was kept alive
            self._clock = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """A head is whole."""
        super().on_headers_complete()
        self._in_head = False
        self._head_bytes = 0
        self._stop_clock()

    def on_message_complete(self) -> None:
        """A body is whole: what comes next is a head."""
        super().on_message_complete()
        self._in_head = True

    def on_response_complete(self) -> None:
        """An answer is whole."""
        self.transport.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP."""
        self._refuse(400, "expected an HTTP/1.1 request, found something else")

    def _too_slow(self) -> None:
        self._clock = None
        at_work = self.cycle is not None and not self.cycle.response_complete
        if self._in_head and not at_work and not self.transport.is_closing():
            if self._head_bytes:
                self._refuse(408, f"expected a head within {self.limits.header_seconds:g} s, found a part of it")
            else:
                self.transport.close()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, status: int, message: str) -> None:
        body = orjson.dumps({"error": message})
        phrase = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}[status]
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, phrase, len(body)))
        self.transport.write(body)
        self.transport.close()


class DrainingServer(uvicorn.Server):
    """uvicorn's server that says it is not ready before it stops listening, and then finishes what it has begun.

    Args:
        config: uvicorn's.
        server: Its ``ready`` goes false at the first SIGTERM or SIGINT; a second one stops at once.
        drain_delay: Seconds to go on listening after that: until load balancers have looked, and whatever was already
            under way on a connection has been read.
        parent: Process that the server must not outlive, if any.
    """

    def __init__(self, config: uvicorn.Config, server: Server, drain_delay: float, parent: int | None = None) -> None:
        super().__init__(config)
        self._server = server
        self._delay = drain_delay
        self._parent = parent
        self._asked: float | None = None

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begins to drain. The signal is not raised again afterwards: a drained server ends well."""
        del sig, frame
        if self._asked is not None:
            self.force_exit = self.should_exit = True
        else:
            self._asked = time.monotonic()
            self._server.drain()

    async def on_tick(self, counter: int) -> bool:
        """Looks whether it is time to stop listening."""
        if self._parent is not None and self._asked is None and os.getppid() != self._parent:
            self.handle_exit(signal.SIGTERM, None)
        if self._asked is not None and time.monotonic() - self._asked >= self._delay:
            self.should_exit = True
        return await super().on_tick(counter)


@contextmanager
def not_outliving(parent: int | None) -> Iterator[None]:
    """Ends this process if ``parent`` is gone while the block runs: loading a model may take a minute.

    Args:
        parent: The process that started this one; None for whoever it was.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK):
            if os.getppid() != parent:
                os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def settle() -> None:
    """Tells the garbage collector that what is loaded stays, and to look seldom: requests leave no cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def configuration(server: Server, host: str, port: int, log_level: str) -> uvicorn.Config:
    """Returns uvicorn's settings for a server."""
    protocol = type("Protocol", (BoundedProtocol,), {"limits": server.limits})
    return uvicorn.Config(
        server.application(),
        host=host,
        port=port,
        loop="uvloop",
        http=protocol,
        ws="none",
        lifespan="on",
        log_level=log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
