"""One CloudEvent of KServe's logger, in binary or structured content mode.

Sources: CloudEvents 1.0.2, HTTP protocol binding, sections 3.1 (binary: attributes in ``ce-`` headers, percent-encoded)
and 3.2 (structured: ``application/cloudevents+json``), and its JSON event format, section 3.1 (``data``,
``data_base64``); KServe, ``pkg/logger/worker.go`` (types and extension attributes).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson
import pybase64

from components.capture import record
from components.errors import InputError, RecordError, RequestError
from components.serve.protocols import media
from components.serve.protocols.identity import CLOUD_EVENT_ID, INFERENCE_ID, identify
from components.serve.protocols.sagemaker import load_json
from components.serve.protocols.wording import shown
from components.serve.sink import contents

REQUEST = "request"
RESPONSE = "response"

_KINDS = {f"org.kubeflow.serving.inference.{kind}": kind for kind in (REQUEST, RESPONSE)}
_NAMESPACE = uuid.UUID("5d0b7a3e-6c1f-4f0e-9d37-2b8f4c6ad015")  # of the event ids made here, and of nothing else
_STRUCTURED = "application/cloudevents"
_MODES = "one CloudEvent in binary or structured JSON mode"
_IDENTITY = ("source", "namespace", "inferenceservicename", "component", "endpoint", "id")


class Event(NamedTuple):
    """Half an exchange.

    Attributes:
        kind: ``REQUEST`` or ``RESPONSE``.
        event_id: The same for both halves of an exchange, and for no other exchange; a uuid.
        inference_id: The caller's name for its request, if KServe passes that header on (``metadataHeaders``); else the
            event's ``id``, which is the caller's ``Ce-Id`` or a uuid4.
        service: The InferenceService's name, empty where the event tells none.
        time: Of the event, UTC seconds since 1970; None where it tells none.
        body: The payload.
        content_type: What the payload is, None where nobody says.
    """

    kind: str
    event_id: str
    inference_id: str
    service: str
    time: float | None
    body: bytes
    content_type: str | None


def parse(headers: Mapping[bytes, bytes], body: bytes) -> Event:
    """Reads an event.

    Args:
        headers: Of the HTTP request, names in lower case.
        body: Of the HTTP request.

    Raises:
        RequestError: 400, it is no event of KServe's logger; 415, an event format that is not read here.
    """
    stated = headers.get(b"content-type", b"").decode("latin-1")
    # The caller's own in binary mode, which may be as odd as callers are: the model's server has judged it.
    name = stated.partition(";")[0].strip().lower()
    if name.startswith(_STRUCTURED) and name != f"{_STRUCTURED}+json":  # batches too: KServe sends none
        raise RequestError(f"expected {_MODES}, found {shown(name)}", 415)
    if name.startswith(_STRUCTURED):
        attributes = load_json(body)
        body, stated = _data(attributes), _text(attributes, "datacontenttype") or media.JSON
    else:
        attributes = {key[3:].decode("latin-1"): _decoded(value) for key, value in headers.items() if key[:3] == b"ce-"}
    return _event(attributes, body, stated, headers.get(contents.HEADER_LENGTH))


def _event(attributes: Mapping[str, Any], body: bytes, stated: str, length: bytes | None) -> Event:
    if (version := attributes.get("specversion")) != "1.0":
        raise RequestError(f"expected a CloudEvent with ce-specversion 1.0, found {shown(version)}")
    kind = _KINDS.get(_text(attributes, "type"))
    if kind is None:
        raise RequestError(f"expected a ce-type among {', '.join(_KINDS)}, found {shown(attributes.get('type'))}")
    texts = [_text(attributes, key) for key in _IDENTITY]
    for key in ("source", "id"):
        if not _text(attributes, key):
            raise RequestError(f"expected a CloudEvent with ce-{key}, found none")
    passed = _passed(attributes)
    if kind == REQUEST:
        content_type = contents.of_request(body, stated, length, passed)
    else:
        content_type = contents.of_response(body, stated, length)
    return Event(
        kind,
        # Not the id itself: a transformer and a predictor log one id for two exchanges, and callers choose theirs.
        str(uuid.uuid5(_NAMESPACE, orjson.dumps(texts).decode())),
        _inference_id(texts[-1], passed.get(INFERENCE_ID.decode(), "")),
        _text(attributes, "inferenceservicename"),
        _time(attributes),
        body,
        content_type,
    )


def _decoded(value: bytes) -> str:
    """Returns a ``ce-`` header's value. Encoded ones hold no quote: Go's SDK sends JSON as it is."""
    text = value.decode("latin-1")
    return text if '"' in text else unquote(text, errors="replace")


def _text(attributes: Mapping[str, Any], key: str) -> str:
    found = attributes.get(key, "")
    if not isinstance(found, str):
        raise RequestError(f"expected {key} as a text, found {shown(found)}")
    return found


def _inference_id(event: str, passed: str) -> str:
    with suppress(RequestError):  # not worth an event: the model's server may have thought otherwise of it
        return identify("", {INFERENCE_ID: passed.encode(errors="replace")}).inference_id or ""
    return identify("", {CLOUD_EVENT_ID: event.encode(errors="replace")}).inference_id or ""


def _time(attributes: Mapping[str, Any]) -> float | None:
    text = _text(attributes, "time")
    try:
        return record.instant(text) if text else None
    except RecordError as error:
        raise RequestError(f"ce-time: {error}") from None


def _passed(attributes: Mapping[str, Any]) -> Mapping[str, str]:
    """Returns the request's headers that KServe passes on, by their names in lower case; of several values the first.

    Go spells names its own way, ``X-Amzn-Sagemaker-Inference-Id``, and ``metadataHeaders`` must do so too.
    """
    try:
        found = load_json(_text(attributes, "metadata").encode(errors="replace") or b"{}")
    except InputError:  # it is an extension, and nobody's capture depends on it
        return {}
    return {
        name.lower(): values[0]
        for name, values in found.items()
        if isinstance(values, list) and values and isinstance(values[0], str)
    }


def _data(attributes: Mapping[str, Any]) -> bytes:
    if "data_base64" in attributes:
        if "data" in attributes:
            raise RequestError("expected either data or data_base64, found both")
        try:
            return pybase64.b64decode(_text(attributes, "data_base64"), validate=True)
        except ValueError:
            raise RequestError("expected base64 as data_base64, found something else") from None
    data, stated = attributes.get("data"), _text(attributes, "datacontenttype") or media.JSON
    if isinstance(data, str) and not contents.is_json(stated):
        return data.encode()
    return b"" if data is None else orjson.dumps(data)
