"""One connection: HTTP/1.1 by uvicorn, with what that leaves out: bounds on a request's head, and errors as JSON."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from components.serve.direct import DIRECT, Direct
from components.serve.limits import Limits


class Joining:
    """A transport that keeps an answer's head until its body comes, and sends both at once.

    uvicorn writes them one after the other, which is two system calls and two packets for every answer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing
        self.write_whole = transport.write
        """Sends a head with its body, which must not come between another's head and body."""

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
        self._extensions: dict[str, Any] = {DIRECT: Direct(self)}
        self._head_bytes = 0
        self._in_head = True
        self._idle_since = 0.0
        self._clock: TimerHandle | None = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clocks."""
        self._stop_clock()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
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
        self.scope["extensions"] = self._extensions
        self._in_head = False
        self._head_bytes = 0
        self._stop_clock()

    def on_message_complete(self) -> None:
        """A body is whole: what comes next is a head."""
        super().on_message_complete()
        self._in_head = True

    def on_response_complete(self) -> None:
        """An answer is whole; the connection is kept for the next request, if that comes in time.

        uvicorn sets a timer after each answer and stops it at the next request. Here one looks when it comes to it.
        """
        self.transport.flush()
        self._idle_since = self.loop.time()
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        if self.timeout_keep_alive_task is None:
            self._look_after(self.timeout_keep_alive)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP."""
        self._refuse(400, "expected an HTTP/1.1 request, found something else")

    def _unset_keepalive_if_required(self) -> None:
        pass  # the timer finds out by itself that it came too early

    def _look_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self.timeout_keep_alive_task = None
        if self._at_work() or self._head_bytes:  # then the end of that answer begins anew
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_after(left)
        else:
            self.timeout_keep_alive_handler()

    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _too_slow(self) -> None:
        self._clock = None
        if self._in_head and not self._at_work() and not self.transport.is_closing():
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
