"""SageMaker's captured record, both ways: one JSON object a line, and the keys its files have.

Source: Amazon SageMaker AI Developer Guide, "Data capture" and "Preprocessing and Postprocessing" (the class structure
of ``inference_record``). What AWS's pages show, ``decode`` reads: ``batchTransformOutput`` for ``endpointOutput``,
``observedContentType`` null or missing, ``customAttributes`` as a list or a text, one of input and output missing, and
the ``groundTruthData`` that a merge adds (which is skipped: it is no part of the exchange).

One key is ours: ``eventMetadata.modelDigest``, the model that answered. It stands beside ``inferenceId`` and
``customAttributes``, which may be there or not as well; a record without it is read.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson
import pybase64

from components.errors import InputError, RecordError

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of the longest line that is written or read; SageMaker's own payloads end at 25 MB."""

CAPTURE_OPTIONS = ("Input", "Output")
CSV_CONTENT_TYPES = ("text/csv",)
JSON_CONTENT_TYPES = ("application/json",)
MODEL = "modelDigest"
"""The key in ``eventMetadata`` that is not SageMaker's; who looks for the documented ones passes over it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_TIME = 64  # characters
_END_OF_TIME = 253_402_300_800  # 10000-01-01T00:00:00Z


class Exchange(NamedTuple):  # a frozen dataclass takes four times as long to make, and the server makes one a request
    """One request and its answer.

    Attributes:
        event_id: Unique; also decides whether the exchange is sampled.
        time: Of the inference, UTC seconds since 1970. A record holds whole seconds.
        request: The body as it came; None where only the output was captured.
        request_type: Its Content-Type as it came, parameters included.
        response: The body as it went; None where only the input was captured.
        response_type: Its Content-Type.
        inference_id: The client's ``X-Amzn-SageMaker-Inference-Id``.
        custom_attributes: The client's ``X-Amzn-SageMaker-Custom-Attributes``.
        model: Digest of the package that answered, ``sha256:…``; None where nobody says, as in SageMaker's own records.
    """

    event_id: str
    time: float
    request: bytes | None
    request_type: str | None
    response: bytes | None
    response_type: str | None
    inference_id: str | None = None
    custom_attributes: str | None = None
    model: str | None = None


exchange_of = partial(tuple.__new__, Exchange)
"""An exchange of a tuple with all its fields: in half the time, for where one is made an answer."""

TextTypes = tuple[tuple[str, ...], tuple[str, ...]]
"""Content types whose bodies are written with the encodings CSV and JSON."""


def encode(
    exchange: Exchange,
    *,
    capture_options: Collection[str] = CAPTURE_OPTIONS,
    csv_content_types: Collection[str] = CSV_CONTENT_TYPES,
    json_content_types: Collection[str] = JSON_CONTENT_TYPES,
) -> bytes:
    r"""Returns the exchange as one line that ends with ``\n``.

    A body is written as text (encoding CSV or JSON) if its content type, without parameters, is in the list *and* it is
    UTF-8, otherwise as BASE64. Law: ``decode(encode(x)) == x`` for whole seconds.

    Raises:
        RecordError: A time outside the years 1970 to 9999, a text that is no Unicode, or a line over ``LINE_LIMIT``.
    """
    text_types = tuple(csv_content_types), tuple(json_content_types)
    event_id, seconds, request, request_type, response, response_type, inference_id, attributes, model = exchange
    # Pieces of the line, joined once: the bodies are most of it, and each further copy of them would tell.
    pieces = [b'{"captureData":{']
    try:
        if request is not None and "Input" in capture_options:
            pieces += _part(request, request_type, "Input", text_types)
        if response is not None and "Output" in capture_options:
            pieces += (b"," if len(pieces) > 1 else b"", *_part(response, response_type, "Output", text_types))
        metadata: dict[str, Any] = {"eventId": event_id}
        if inference_id is not None:
            metadata["inferenceId"] = inference_id
        if attributes is not None:
            metadata["customAttributes"] = [attributes]
        metadata["inferenceTime"] = _stamp(seconds)
        if model is not None:
            metadata[MODEL] = model
        pieces += (b'},"eventMetadata":', orjson.dumps(metadata), b',"eventVersion":"0"}\n')
    except TypeError:  # a lone surrogate
        raise RecordError("expected texts that are Unicode, found a lone surrogate") from None
    line = b"".join(pieces)
    if len(line) > LINE_LIMIT:
        raise RecordError(f"expected a record of at most {LINE_LIMIT} bytes, found {len(line)}")
    return line


def _part(body: bytes, content_type: str | None, option: str, text_types: TextTypes) -> tuple[bytes, ...]:
    encoding, opening = _opening(content_type, option, text_types)
    if encoding:
        try:
            return opening, orjson.dumps(body.decode()), encoding
        except UnicodeDecodeError:
            pass
    # There is nothing to escape in BASE64, and looking for it would cost more than the encoding.
    return opening, b'"', pybase64.b64encode(body), b'","encoding":"BASE64"}'


@lru_cache(maxsize=256)
def _opening(content_type: str | None, option: str, text_types: TextTypes) -> tuple[bytes, bytes]:
    """Returns a part's end if its body may be text, else nothing; and its name and beginning, as far as the body."""
    media = (content_type or "").partition(";")[0].strip().lower()
    csv, json = text_types
    encoding = b',"encoding":"CSV"}' if media in csv else b',"encoding":"JSON"}' if media in json else b""
    told = orjson.dumps({"observedContentType": content_type, "mode": option.upper()})
    return encoding, b'"endpoint%b":' % option.encode() + told[:-1] + b',"data":'


def _stamp(seconds: float) -> str:
    if not 0 <= seconds < _END_OF_TIME:  # also refuses nan
        raise RecordError(f"expected a time from 1970 to 9999, found {seconds} s")
    return _formatted(int(seconds))


@lru_cache(maxsize=64)
def _formatted(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}Z"


def decode(line: bytes) -> Exchange:
    """Returns the exchange of one line.

    Raises:
        RecordError: No JSON object, a part missing, or of another type than AWS documents.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise RecordError(f"expected a JSON object, found {len(line)} bytes that are not JSON") from None
    captured, metadata = _object(record, "captureData"), _object(record, "eventMetadata")
    given = _body(captured, "endpointInput")
    answer = _body(captured, "endpointOutput") or _body(captured, "batchTransformOutput")
    if given is None and answer is None:
        raise RecordError("expected endpointInput, endpointOutput or batchTransformOutput, found none of them")
    request, request_type = given or (None, None)
    response, response_type = answer or (None, None)
    return Exchange(
        _text(metadata, "eventId"),
        instant(_text(metadata, "inferenceTime")),
        request,
        request_type,
        response,
        response_type,
        _optional(metadata, "inferenceId"),
        _attributes(metadata.get("customAttributes")),
        _optional(metadata, MODEL),
    )


def is_json(line: bytes) -> bool:
    """Whether a line is JSON at all; tells a stranger's record from a damaged one."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _body(captured: Mapping[str, Any], name: str) -> tuple[bytes, str | None] | None:
    part = captured.get(name)
    if part is None:
        return None
    if not isinstance(part, dict):
        raise RecordError(f"{name}: expected an object, found {_kind(part)}")
    data, encoding = _text(part, "data"), _text(part, "encoding").upper()
    content_type = _optional(part, "observedContentType")
    if encoding in ("CSV", "JSON"):
        return data.encode(), content_type
    if encoding != "BASE64":
        raise RecordError(f"{name}: expected the encoding CSV, JSON or BASE64, found {encoding[:20]!r}")
    try:
        return pybase64.b64decode(data, validate=True), content_type
    except ValueError:
        raise RecordError(f"{name}: expected BASE64 data, found {len(data)} characters that are not") from None


def _object(record: Any, name: str) -> dict[str, Any]:
    found = record.get(name) if isinstance(record, dict) else None
    if not isinstance(found, dict):
        raise RecordError(f"expected an object with the object {name}, found {_kind(found or record)}")
    return found


def _text(part: Mapping[str, Any], name: str) -> str:
    found = part.get(name)
    if not isinstance(found, str):
        raise RecordError(f"{name}: expected a text, found {_kind(found)}")
    return found


def _optional(part: Mapping[str, Any], name: str) -> str | None:
    return None if part.get(name) is None else _text(part, name)


def _attributes(found: Any) -> str | None:
    texts = [found] if isinstance(found, str) else (found or [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RecordError(f"customAttributes: expected texts, found {_kind(found)}")
    return ",".join(texts) if texts else None


def _kind(value: Any) -> str:
    # The type, not the value: records hold what people sent.
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def instant(text: str) -> float:
    """Returns an ISO 8601 time as UTC seconds since 1970.

    ``Z``, an offset or neither (then UTC), fractions, a date alone, and the stray blanks of an AWS sample
    (``2019-12-01T16: 20: 00Z``, contract-inputs page) are read.

    Raises:
        RecordError: No such time.
    """
    try:
        return _instant(text) if len(text) <= _LONGEST_TIME else _instant("")
    except (ValueError, OverflowError):
        raise RecordError(f"expected a time like 2022-02-14T17:25:06Z, found {text[:40]!r}") from None


@lru_cache(maxsize=256)  # many records have one second
def _instant(text: str) -> float:
    found = datetime.fromisoformat(re.sub(r"\s*([:-])\s*", r"\1", text.strip()))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def sampled(event_id: str, percentage: float) -> bool:
    """Whether an exchange is captured: a pure function of its id.

    The first 64 bits of the id's BLAKE2b hash, as a share of 2⁶⁴, lie below the percentage. So every replica and every
    rerun decides alike, and what is kept at 20 % is kept at 50 %.
    """
    digest = hashlib.blake2b(event_id.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < threshold(percentage)


@lru_cache(maxsize=16)
def threshold(percentage: float) -> int:
    """Returns what the hash of a sampled id lies below, 0 to 2⁶⁴."""
    if not (math.isfinite(percentage) and 0 <= percentage <= 100):
        raise InputError(f"expected a sampling percentage from 0 to 100, found {percentage}")
    return round(percentage / 100 * 2**64)


def folder(endpoint: str, variant: str, seconds: float) -> str:
    """Returns ``{endpoint}/{variant}/yyyy/mm/dd/hh`` in UTC.

    Raises:
        InputError: A name that is not 1 to 128 letters, digits, ".", "_" and "-", or starts with one of the last three.
        RecordError: A time outside the years 1970 to 9999.
    """
    stamp = _stamp(seconds)
    return f"{named(endpoint)}/{named(variant)}/{stamp[:4]}/{stamp[5:7]}/{stamp[8:10]}/{stamp[11:13]}"


def file_name(seconds: float, identity: str) -> str:
    """Returns ``mm-ss-mmm-{identity}.jsonl``: minute, second and millisecond of the file's first record."""
    stamp = _stamp(seconds)
    return f"{stamp[14:16]}-{stamp[17:19]}-{int(seconds % 1 * 1000):03d}-{identity}.jsonl"


def named(name: str) -> str:
    """Returns the name of an endpoint or variant if it is fit for a key.

    Raises:
        InputError: It is not.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"expected a name of letters, digits, '.', '_' and '-', found {name[:80]!r}")
    return name
