"""What goes through the pipe from the server to the writer process: one frame an exchange.

A frame is a header (the time and three lengths), a JSON list of the five short texts, and the two bodies as they are.
The bodies become text in the writer process only: that costs several times what copying does, and the server has no
time for it. Frames never leave the machine and both ends are one version, so the format carries no number of its own.
The model is the same for all and known at both ends, so it is in none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import orjson

from components.capture.record import Exchange

# Little-endian: the time in seconds, the bytes of texts, request and response; -1 stands for a body that is None.
_HEADER = struct.Struct("<dIqq")


def pack(exchange: Exchange, request: bytes | None, response: bytes | None) -> tuple[bytes, bytes, bytes]:
    """Returns a frame as three buffers, so that the bodies are not copied.

    Args:
        exchange: Where all but the bodies is taken from.
        request: The body to send, None to leave it out.
        response: As the request.
    """
    texts = (
        exchange.event_id,
        exchange.request_type,
        exchange.response_type,
        exchange.inference_id,
        exchange.custom_attributes,
    )
    try:
        encoded = orjson.dumps(texts)
    except TypeError:  # a lone surrogate in somebody's header must not become an exception in the server
        encoded = orjson.dumps([text and text.encode("utf-8", "replace").decode() for text in texts])
    header = _HEADER.pack(
        exchange.time,
        len(encoded),
        -1 if request is None else len(request),
        -1 if response is None else len(response),
    )
    return header + encoded, request or b"", response or b""


def unpack(buffer: bytearray, model: str | None = None) -> Iterator[Exchange]:
    """Yields the whole frames at the front of the buffer and removes them when it is exhausted.

    Args:
        buffer: What came through the pipe.
        model: That answered them.
    """
    if not _whole(buffer):
        return
    data, start = bytes(buffer), 0  # slices of bytes are bytes: one copy of all is cheaper than a view of each
    while len(data) - start >= _HEADER.size:
        seconds, n_texts, n_request, n_response = _HEADER.unpack_from(data, start)
        texts = start + _HEADER.size
        request = texts + n_texts
        response = request + max(n_request, 0)
        end = response + max(n_response, 0)
        if len(data) < end:
            break
        event_id, request_type, response_type, inference_id, attributes = orjson.loads(data[texts:request])
        yield Exchange(
            event_id,
            seconds,
            None if n_request < 0 else data[request:response],
            request_type,
            None if n_response < 0 else data[response:end],
            response_type,
            inference_id,
            attributes,
            model,
        )
        start = end
    del buffer[:start]


def _whole(buffer: bytearray) -> bool:
    """Whether at least one frame is; asked first, lest a long body is copied again with each of its pieces."""
    if len(buffer) < _HEADER.size:
        return False
    _, n_texts, n_request, n_response = _HEADER.unpack_from(buffer)
    return len(buffer) >= _HEADER.size + n_texts + max(n_request, 0) + max(n_response, 0)
