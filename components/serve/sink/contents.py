"""What an event's payload is, as the captured record shall tell it.

KServe's agent gives a response the Content-Type of its request (``pkg/logger/handler.go``), so an image's answer is
said to be an image; and it tells neither's ``Inference-Header-Content-Length``, without which a body of JSON with
binary tensors behind it cannot be read. For a request it can be told: ``metadataHeaders`` of the InferenceService. A
response carries those same headers, its request's, so there they mean nothing.

Where the length is not told it is looked for: the first JSON object of the body, if the ``binary_data_size`` of its
tensors sum up to what lies behind it (Open Inference Protocol v2, binary tensor data extension).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from components.serve.protocols import media, open_inference

HEADER_LENGTH = open_inference.HEADER_LENGTH

_LONGEST = 256 * 1024  # bytes of a JSON part that is looked for; with binary tensors it holds names and shapes alone
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)


def of_request(body: bytes, stated: str, length: bytes | None, passed: Mapping[str, str]) -> str | None:
    """Returns a request's content type, with the length of its JSON part where it has binary tensors.

    Args:
        body: The payload.
        stated: Its Content-Type, empty where there was none.
        length: The Inference-Header-Content-Length of the event itself, if there was one.
        passed: The request's headers that KServe passes on, names in lower case.
    """
    told = _told(length, len(body))
    if told is None:
        told = _told(passed.get(HEADER_LENGTH.decode(), "").encode(errors="replace"), len(body))
    return _sized(stated, _length(body, "inputs") if told is None else told, len(body))


def of_response(body: bytes, stated: str, length: bytes | None) -> str | None:
    """Returns a response's content type, looked for in the body where that is JSON; otherwise as stated.

    Args:
        body: The payload.
        stated: The Content-Type of its request, empty where there was none.
        length: The Inference-Header-Content-Length of the event itself, if there was one.
    """
    told = _told(length, len(body))
    found = _length(body, "outputs") if told is None else told
    if found is not None and found < len(body):
        return _sized(media.OCTETS, found, len(body))
    looks = body[:64].lstrip()[:1] in (b"{", b"[")
    return media.JSON if looks and not is_json(stated) else stated or None


def is_json(content_type: str) -> bool:
    """Whether a content type is JSON's, ``application/json`` or with the suffix ``+json``."""
    name = content_type.partition(";")[0].strip().lower()
    return name == media.JSON or name.endswith("+json")


def _sized(content_type: str, length: int | None, total: int) -> str | None:
    if length is None or length >= total:
        return content_type or None
    return f"{content_type or media.OCTETS}; inference-header-content-length={length}"


def _told(length: bytes | None, total: int) -> int | None:
    if length is None or not length.isdigit() or len(length) > 12 or int(length) > total:
        return None
    return int(length)


def _length(body: bytes, tensors: str) -> int | None:
    """Returns the bytes of a JSON object that binary tensors follow, None where there is no such thing."""
    if not body.startswith(b"{"):
        return None
    depth, end = 0, None
    for token in _TOKEN.finditer(body, 0, _LONGEST):
        depth += (token[0] == b"{") - (token[0] == b"}")
        if not depth:
            end = token.end()
            break
    if end is None or end == len(body):
        return None
    try:
        listed = orjson.loads(body[:end])[tensors]
        sizes = [one["parameters"]["binary_data_size"] for one in listed if "binary_data_size" in one["parameters"]]
        return end if sum(sizes) == len(body) - end else None
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
