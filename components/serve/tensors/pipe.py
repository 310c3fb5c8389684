"""What goes through the pipes between the server and the process: requests one way, what became of them the other.

A request is a header (two lengths), a JSON list of texts, and the body as it came; the answer to it is a line, ``true``
or ``false``. Both ends are one version on one machine, so nothing carries a number of its own.
"""

from __future__ import annotations

import struct
from typing import IO, NamedTuple

import orjson

from components.capture.record import Exchange

_HEADER = struct.Struct("<IQ")


class Asked(NamedTuple):
    """A request whose tensors are to be recorded.

    Attributes:
        event_id: Of the exchange.
        content_type: Of the body.
        include_regex: Names of tensors; empty for pixels and logits alone.
        body: As it came.
    """

    event_id: str
    content_type: str
    include_regex: str
    body: bytes


def asked(exchange: Exchange, include_regex: str) -> Asked:
    """Returns what the process needs of an exchange."""
    return Asked(exchange.event_id, exchange.request_type or "", include_regex, exchange.request or b"")


def write(stream: IO[bytes], item: Asked) -> None:
    """Writes a request; waits as long as the other end does not read."""
    texts = orjson.dumps([text.encode("utf-8", "replace").decode() for text in item[:3]])
    stream.write(_HEADER.pack(len(texts), len(item.body)))
    stream.write(texts)
    stream.write(item.body)
    stream.flush()


def read(stream: IO[bytes]) -> Asked | None:
    """Returns the next request; None at the end of the pipe, in the middle of a request too."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    n_texts, n_body = _HEADER.unpack(header)
    texts, body = stream.read(n_texts), stream.read(n_body)
    if len(texts) < n_texts or len(body) < n_body:
        return None
    event_id, content_type, include_regex = orjson.loads(texts)
    return Asked(event_id, content_type, include_regex, body)


def tell(stream: IO[bytes], written: bool) -> None:
    """Writes whether a request's step is in the place now."""
    stream.write(orjson.dumps(written) + b"\n")
    stream.flush()


def heard(line: bytes) -> bool:
    """Reads a line of ``tell``."""
    return line.strip() == b"true"
