"""What a server takes at most, and the reading of a request's body within it.

A server that is asked for more than it can hold must say so at once (413 when the one request is too large, 503 when
there are too many) instead of growing until it is killed together with everyone else's requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from components.errors import RequestError
from components.images import Limits as ImageLimits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MEBIBYTE = 1024 * 1024


class Limits(NamedTuple):
    """What a server takes at most.

    Attributes:
        body_bytes: Of one request's body.
        header_bytes: Of one request's line and headers.
        images: In one request.
        pixels: Of one image, width times height.
        side: The longer side of one image, in pixels.
        request_pixels: Of all images in a request: as encoded files of one colour, 128 large ones fit into one body.
        requests: At work at once, from the first byte of the body to the last of the answer.
        queue_images: Waiting for the model, over all requests.
        queue_bytes: Of request bodies held in memory, over all requests.
        request_seconds: From the queue to the answer; SageMaker gives up after 60.
        body_seconds: For a client to send its body.
        header_seconds: For a client to send a request's line and headers.
        idle_seconds: For a client to begin its next request on a connection that is kept.
    """

    body_bytes: int = 16 * MEBIBYTE
    header_bytes: int = 32 * 1024
    images: int = 128
    pixels: int = 25_000_000
    side: int = 10_000
    request_pixels: int = 100_000_000
    requests: int = 1024
    queue_images: int = 512
    queue_bytes: int = 128 * MEBIBYTE
    request_seconds: float = 60.0
    body_seconds: float = 30.0
    header_seconds: float = 10.0
    idle_seconds: float = 75.0

    @property
    def image(self) -> ImageLimits:
        """The limits of one encoded image."""
        return ImageLimits(self.body_bytes, self.pixels, self.side)


class ClientGone(Exception):  # noqa: N818 - nothing went wrong: there is only no one left to answer
    """The client closed its connection before the answer was there."""


class BusyError(RequestError):
    """There is no room for a request at the moment; it is answered with 503 and Retry-After."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, 503)
        self.reason = reason


class Budget:
    """Bytes of request bodies in memory, over all requests: ``0 <= used <= limit`` at any time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class Reservation:
    """One request's share of a ``Budget``; it grows with the body and is given back as a whole."""

    __slots__ = ("budget", "held")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.held = 0

    def grow(self, count: int) -> None:
        """Takes ``count`` bytes more.

        Raises:
            BusyError: The budget is spent.
        """
        if self.budget.used + count > self.budget.limit:
            raise BusyError(
                f"expected at most {self.budget.limit} bytes of requests at once, found more: try again", "queue_bytes"
            )
        self.budget.used += count
        self.held += count

    def release(self) -> None:
        """Gives everything back; calling it again changes nothing."""
        self.budget.used -= self.held
        self.held = 0


async def read_body(
    receive: Receive, declared: int | None, limits: Limits, reservation: Reservation, there: bytes | None = None
) -> bytes:
    """Returns a request's whole body.

    Args:
        receive: ASGI's.
        declared: The Content-Length, if there was one. One over the limit is refused before a byte is read.
        limits: ``body_bytes`` and ``body_seconds`` are used.
        reservation: Grows by what was read.
        there: The body, if it came with the head; then nothing is received.

    Raises:
        RequestError: 413 when it is too large, with or without Content-Length; 408 when it comes too slowly.
        BusyError: All requests together hold too much.
        ClientGone: The connection was closed before the body was whole.
    """
    if declared is not None and declared > limits.body_bytes:
        raise _too_large(limits, f"{declared}")
    if there is not None:
        if len(there) > limits.body_bytes:
            raise _too_large(limits, "more")
        reservation.grow(len(there))
        return there
    chunks: list[bytes] = []
    total, more = 0, True
    try:
        async with asyncio.timeout(limits.body_seconds):
            while more:
                message = await _next(receive)
                chunk: bytes = message.get("body", b"")
                total += len(chunk)
                if total > limits.body_bytes:
                    raise _too_large(limits, "more")
                reservation.grow(len(chunk))
                chunks.append(chunk)
                more = message.get("more_body", False)
    except TimeoutError:
        raise RequestError(
            f"expected the whole body within {limits.body_seconds:g} s, found {total} bytes of it", 408
        ) from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _too_large(limits: Limits, found: str) -> RequestError:
    return RequestError(f"expected a body of at most {limits.body_bytes} bytes, found {found}", 413)
