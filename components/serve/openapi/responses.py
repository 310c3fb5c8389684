"""Answers that several routes share, with their headers; each of them is ``{"error": …}`` but for what is found."""

from __future__ import annotations

from typing import Any

from components.serve.openapi.schemas import TEXT, Schema, ref, whole
from components.serve.protocols import media

UUID4 = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
INFERENCE_ID = "^[!-~]([ -~]{0,62}[!-~])?$"
ATTRIBUTES = "^([!-~]([ -~]{0,1022}[!-~])?)?$"

HEADERS: dict[str, Schema] = {
    "EventId": {
        "description": "The server's own name for the exchange: in its log, and in what is captured.",
        "schema": {**TEXT, "pattern": UUID4},
    },
    "InferenceId": {"description": "The client's, as it came.", "schema": {**TEXT, "pattern": INFERENCE_ID}},
    "CustomAttributes": {"description": "The client's, as they came.", "schema": {**TEXT, "pattern": ATTRIBUTES}},
    "RetryAfter": {"description": "Seconds.", "required": True, "schema": whole(1)},
    "Allow": {"description": "The methods that this path has.", "required": True, "schema": TEXT},
    "Close": {"description": "The connection ends with this answer.", "required": True, "schema": {"const": "close"}},
    "HeaderLength": {
        "description": "Bytes of JSON before the tensors; there with application/octet-stream alone.",
        "schema": whole(1),
    },
}

IDENTITY: dict[str, Schema] = {
    "X-Roadworthy-Event-Id": ref("EventId", "headers"),
    "X-Amzn-SageMaker-Inference-Id": ref("InferenceId", "headers"),
    "X-Amzn-SageMaker-Custom-Attributes": ref("CustomAttributes", "headers"),
}
"""Of every answer that went through the gate. What the transport refuses has no event id."""

_RETRY = {"Retry-After": ref("RetryAfter", "headers")}
_CLOSE = {"Connection": ref("Close", "headers")}


def told(description: str, schema: str = "Error", headers: dict[str, Any] | None = None) -> Schema:
    """Returns an answer in JSON."""
    found: Schema = {"description": description, "content": {media.JSON: {"schema": ref(schema)}}}
    return {**found, "headers": headers} if headers else found


RESPONSES: dict[str, Schema] = {
    "Malformed": told("A body, header or tensor is not what it says, or the request no HTTP/1.1.", headers=IDENTITY),
    "Broken": told("The request is no HTTP/1.1.", headers=_CLOSE),
    "NotFound": told("There is no such path, or no such model or version.", headers=IDENTITY),
    "MethodNotAllowed": told("The path has other methods.", headers={"Allow": ref("Allow", "headers")}),
    "NotAcceptable": told("No type that Accept allows, or a form that is not known."),
    "Slow": told("The request did not come in time.", headers={**IDENTITY, **_CLOSE}),
    "TooLarge": told("A body, an image, or their number over the limits.", headers={**IDENTITY, **_CLOSE}),
    "UnsupportedType": told("A Content-Type that is not taken, or a body that is compressed.", headers=IDENTITY),
    "HeadTooLarge": told("The request's line and headers over the limit.", headers=_CLOSE),
    "Failed": told("The model failed; the server's log has the reason under the event id.", headers=IDENTITY),
    "Busy": told("Too much waits, or the model took too long: try again.", headers={**IDENTITY, **_RETRY}),
}

ANYWHERE: dict[str, Schema] = {
    "400": ref("Broken", "responses"),
    "408": ref("Slow", "responses"),
    "431": ref("HeadTooLarge", "responses"),
}
"""What the transport answers before it knows the path."""

GATED: dict[str, Schema] = {
    **ANYWHERE,
    "400": ref("Malformed", "responses"),
    "413": ref("TooLarge", "responses"),
    "415": ref("UnsupportedType", "responses"),
    "500": ref("Failed", "responses"),
    "503": ref("Busy", "responses"),
}
"""What the gate may answer to any request for the model."""
