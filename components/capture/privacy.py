"""Takes out of an exchange what its pictures say of people: where, when and by whom they were taken.

Pixels stay as they are, and so does every byte outside of the pictures, except for numbers that tell their lengths. It
runs in the writer process, on all that is captured. Pictures are found where a server takes them:

====================================  ==================================================================================
body                                  pictures
====================================  ==================================================================================
a JPEG or PNG, whatever its type      itself
JSON, whatever its type               texts that are the base64 of one, also in ``data:`` URIs: ``images``, ``b64``, …
JSON and tensors (Open Inference      both: texts in the JSON, elements of ``BYTES`` tensors behind it
Protocol v2, binary extension)
====================================  ==================================================================================

What cannot be walked, or has more parts than any camera writes, stays as it came and is counted.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import pybase64

from components.capture.pictures import JPEG, PNG, without_metadata
from components.capture.record import Exchange
from components.errors import ImageError

_MOST = 4_096  # pictures that are looked for in a body, and elements of a tensor; a server takes far fewer
_SIGNATURES = (JPEG, PNG)
_BLANKS, _JSON = b" \t\r\n", (b"{", b"[", b'"')
_LENGTH = re.compile(r"(;\s*inference-header-content-length=)(\d{1,12})\s*$", re.ASCII)
_SIZE = re.compile(rb'("binary_data_size"[ \t\r\n]*:[ \t\r\n]*)(\d{1,12})')
# Base64 begins with the three bytes of a JPEG or the eight of a PNG. Some libraries escape "/" and "+" in JSON.
_SLASH = rb"(?:/|\\/|\\u002[fF])"
_ENCODED = re.compile(
    rb'(?:(?<=")|(?<=;base64,))(?:' + _SLASH + rb"9j" + _SLASH + rb"|iVBORw0KGgo)"
    rb'(?:[A-Za-z0-9+/=]++|\\/|\\u00[2-7][0-9A-Fa-f])*+(?=\\?")'
)


class Cleaned(NamedTuple):
    """An exchange as it is recorded.

    Attributes:
        exchange: Without metadata; the same object where there was none.
        unread: Pictures, or places for them, that could not be walked and are as they came.
    """

    exchange: Exchange
    unread: int = 0


def cleaned(exchange: Exchange) -> Cleaned:
    """Returns an exchange without the metadata of its pictures. Never raises."""
    request, request_type, first = _body(exchange.request, exchange.request_type)
    response, response_type, second = _body(exchange.response, exchange.response_type)
    if request is not exchange.request or response is not exchange.response:
        exchange = exchange._replace(
            request=request, request_type=request_type, response=response, response_type=response_type
        )
    return Cleaned(exchange, first + second)


def _body(body: bytes | None, content_type: str | None) -> tuple[bytes | None, str | None, int]:
    """Returns a body and its type, the same objects where nothing is removed, and how many pictures were unread."""
    if not body:
        return body, content_type, 0
    if body.startswith(_SIGNATURES):
        body, unread = _picture(body)
    elif content_type and (length := _json_length(content_type)) is not None:
        return _with_tensors(body, content_type, length)
    elif body.lstrip(_BLANKS).startswith(_JSON):
        body, unread = _text(body)
    else:
        unread = 0
    return body, content_type, unread


def _picture(data: bytes) -> tuple[bytes, int]:
    try:
        return without_metadata(data), 0
    except ImageError:
        return data, 1


def _text(text: bytes) -> tuple[bytes, int]:
    """Removes the metadata of pictures that stand in a JSON text as base64."""
    if b"9j" not in text and b"iVBORw0KGgo" not in text:
        return text, 0
    pieces: list[bytes] = []
    at = unread = 0
    for number, match in enumerate(_ENCODED.finditer(text)):
        if number == _MOST:
            return text, unread + 1
        try:
            file = _decoded(match[0])
        except ValueError:
            unread += 1
            continue
        found, wrong = _picture(file)
        unread += wrong
        if found is not file:
            pieces += (text[at : match.start()], pybase64.b64encode(found))
            at = match.end()
    return (b"".join((*pieces, text[at:])) if pieces else text), unread


def _decoded(token: bytes) -> bytes:
    plain = orjson.loads(b'"%b"' % token).encode() if b"\\" in token else token
    return pybase64.b64decode(plain, validate=True)


def _with_tensors(body: bytes, content_type: str, length: int) -> tuple[bytes, str, int]:
    given = body[:length], body[length:]
    head, tail, unread = _tensors(*given)
    head, wrong = _text(head)
    if head is given[0] and tail is given[1]:
        return body, content_type, unread + wrong
    return head + tail, _LENGTH.sub(rf"\g<1>{len(head)}", content_type), unread + wrong


@lru_cache(maxsize=256)
def _json_length(content_type: str) -> int | None:
    found = _LENGTH.search(content_type)
    return None if found is None else int(found[2])


def _tensors(head: bytes, tail: bytes) -> tuple[bytes, bytes, int]:
    """Removes the metadata of pictures in BYTES tensors; returns the JSON with their new sizes, and them."""
    if b'"BYTES"' not in head or (JPEG not in tail and PNG not in tail):
        return head, tail, 0
    try:
        sizes, parts, unread = [], [], 0
        at = 0
        for tensor in _listed(orjson.loads(head)):
            size = (tensor.get("parameters") or {}).get("binary_data_size")
            if size is None:
                continue
            part = tail[at : at + _whole(size)]
            at += size
            if tensor.get("datatype") == "BYTES":
                part, wrong = _elements(part)
                unread += wrong
            sizes.append((size, len(part)))
            parts.append(part)
        if at != len(tail):
            raise ValueError(f"expected tensors of {len(tail)} bytes, found {at}")
        joined = b"".join(parts)
        return (head, tail, unread) if joined == tail else (_resized(head, sizes), joined, unread)
    except (ValueError, TypeError, LookupError, AttributeError):
        return head, tail, 1


def _listed(document: Any) -> Any:
    return document.get("inputs") or document.get("outputs") or ()


def _whole(size: Any) -> int:
    if type(size) is not int or size < 0:
        raise ValueError("expected a whole number of bytes")
    return size


def _elements(part: bytes) -> tuple[bytes, int]:
    """Removes the metadata of the elements of a tensor, each behind its length of 4 bytes, little-endian."""
    pieces: list[bytes] = []
    at = unread = 0
    while at < len(part):
        if len(pieces) == 2 * _MOST:
            raise ValueError("expected fewer elements")
        (length,) = struct.unpack_from("<I", part, at) if at + 4 <= len(part) else (len(part),)
        element = part[at + 4 : at + 4 + length]
        if len(element) != length:
            raise ValueError("expected an element of its length")
        found, wrong = _picture(element)
        unread += wrong
        pieces += (len(found).to_bytes(4, "little"), found)
        at += 4 + length
    return b"".join(pieces), unread


def _resized(head: bytes, sizes: list[tuple[int, int]]) -> bytes:
    """Returns the JSON with new sizes of its tensors; ``sizes`` are the old and the new ones in their order."""
    found = list(_SIZE.finditer(head))
    if [int(one[2]) for one in found] != [old for old, _ in sizes]:
        raise ValueError("expected one text for each size")
    pieces: list[bytes] = []
    at = 0
    for match, (_, new) in zip(found, sizes, strict=True):
        pieces += (head[at : match.start(2)], b"%d" % new)
        at = match.end(2)
    return b"".join((*pieces, head[at:]))
