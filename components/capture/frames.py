"""What lies in the memory between the server and its writer process: one frame for the exchanges of a run.

A frame is the length of a JSON list, that list with a row for each exchange (its texts, its time, the bytes of its two
bodies), and all the bodies as they are. The bodies become text in the writer process only: that costs several times
what copying does, and the server has no time for it. Frames never leave the machine and both ends are one version, so
the format carries no number of its own. The model is the same for all and known at both ends, so it is in none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from components.capture.record import Exchange, exchange_of

_HEADER = struct.Struct("<Q")  # bytes of the rows


def pack(exchanges: Iterable[Exchange], *, requests: bool = True, responses: bool = True) -> list[bytes]:
    """Returns the frame of some exchanges as pieces in a row, so that the bodies are not copied.

    One frame for many: the server pays for this, and calls are most of what it costs.

    Args:
        exchanges: What to pack; their times are finite.
        requests: Whether their requests' bodies are kept.
        responses: Whether the answers' are.
    """
    rows = []
    pieces = [b""]
    for event_id, seconds, request, request_type, response, response_type, inference_id, attributes, _ in exchanges:
        given = answer = None  # the length of a body that is None
        if requests and request is not None:
            given = len(request)
            pieces.append(request)
        if responses and response is not None:
            answer = len(response)
            pieces.append(response)
        rows.append((event_id, seconds, given, request_type, answer, response_type, inference_id, attributes))
    texts = _texts(rows)
    pieces[0] = _HEADER.pack(len(texts)) + texts
    return pieces


def _texts(rows: list[Any]) -> bytes:
    try:
        return orjson.dumps(rows)
    except TypeError:  # a lone surrogate in somebody's header must not become an exception in the server
        return orjson.dumps([[_unicode(value) for value in row] for row in rows])


def _unicode(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def unpack(data: bytes, model: str | None = None) -> Iterator[Exchange]:
    """Yields the exchanges of some frames in a row.

    Args:
        data: The frames, whole.
        model: That answered them.
    """
    at = 0
    while at < len(data):
        start = at + _HEADER.size
        at = start + _HEADER.unpack_from(data, at)[0]
        rows = orjson.loads(data[start:at])
        for event_id, seconds, given, request_type, answer, response_type, inference_id, attributes in rows:
            request = response = None
            if given is not None:
                request = data[at : at + given]
                at += given
            if answer is not None:
                response = data[at : at + answer]
                at += answer
            yield exchange_of(
                (event_id, seconds, request, request_type, response, response_type, inference_id, attributes, model)
            )
