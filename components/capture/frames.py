"""What lies in the memory between the server and its writer process: one frame an exchange.

A frame is a header (the time and three lengths), a JSON list of the five short texts, and the two bodies as they are.
The bodies become text in the writer process only: that costs several times what copying does, and the server has no
time for it. Frames never leave the machine and both ends are one version, so the format carries no number of its own.
The model is the same for all and known at both ends, so it is in none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import orjson

from components.capture.record import Exchange

# Little-endian: the time in seconds, the bytes of texts, request and response; -1 stands for a body that is None.
_HEADER = struct.Struct("<dIqq")
_header, _numbers = _HEADER.pack, _HEADER.unpack_from


def pack(exchanges: Iterable[Exchange], *, requests: bool = True, responses: bool = True) -> list[bytes]:
    """Returns the frames of some exchanges as pieces in a row, so that the bodies are not copied.

    One call for many: the server pays for this, and calls are most of what it costs.

    Args:
        exchanges: What to pack.
        requests: Whether their requests' bodies are kept.
        responses: Whether the answers' are.
    """
    pieces: list[bytes] = []
    for event_id, seconds, request, request_type, response, response_type, inference_id, attributes, _ in exchanges:
        texts = _texts((event_id, request_type, response_type, inference_id, attributes))
        given = request if requests else None
        answer = response if responses else None
        header = _header(
            seconds, len(texts), -1 if given is None else len(given), -1 if answer is None else len(answer)
        )
        pieces += (header, texts, given or b"", answer or b"")
    return pieces


def _texts(texts: tuple[str | None, ...]) -> bytes:
    try:
        return orjson.dumps(texts)
    except TypeError:  # a lone surrogate in somebody's header must not become an exception in the server
        return orjson.dumps([text and text.encode("utf-8", "replace").decode() for text in texts])


def unpack(data: bytes, model: str | None = None) -> Iterator[Exchange]:
    """Yields the exchanges of some frames in a row.

    Args:
        data: The frames, whole.
        model: That answered them.
    """
    start = 0
    while start < len(data):
        seconds, n_texts, n_request, n_response = _numbers(data, start)
        texts = start + _HEADER.size
        request = texts + n_texts
        response = request + max(n_request, 0)
        start = response + max(n_response, 0)
        event_id, request_type, response_type, inference_id, attributes = orjson.loads(data[texts:request])
        yield Exchange(
            event_id,
            seconds,
            None if n_request < 0 else data[request:response],
            request_type,
            None if n_response < 0 else data[response:start],
            response_type,
            inference_id,
            attributes,
            model,
        )
