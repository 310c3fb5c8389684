"""The paths of a server, with what each takes and every status that it answers."""

from __future__ import annotations

from typing import Any

from components.serve.handlers import Handler
from components.serve.limits import MEBIBYTE, Limits
from components.serve.loading import Loaded
from components.serve.openapi import responses
from components.serve.openapi.inference import INFERENCE, INVOCATION
from components.serve.openapi.responses import ANYWHERE, GATED, IDENTITY, told
from components.serve.openapi.schemas import TEXT, Schema, ref, whole
from components.serve.protocols import media, sagemaker

PATH = "/openapi.json"

TAGS = {
    "health": "Whether the program runs, and whether it takes requests.",
    "sagemaker": "Amazon SageMaker's contract for containers that serve a model.",
    "open_inference": "Open Inference Protocol v2, REST, with binary tensors.",
    "server": "About the server itself.",
}
HEADER_LENGTH = "Inference-Header-Content-Length"

_MISSING = {"404": ref("NotFound", "responses")}
_IDENTITY = [ref(name, "parameters") for name in ("InferenceId", "CustomAttributes", "ContentEncoding")]


def parameters(loaded: Loaded, name: str) -> dict[str, Schema]:
    """Returns the parameters that paths share."""

    def header(name: str, schema: Schema, description: str) -> Schema:
        return {"name": name, "in": "header", "schema": schema, "description": description}

    def part(key: str, value: str) -> Schema:
        return {"name": key, "in": "path", "required": True, "schema": {**TEXT, "enum": [value]}}

    return {
        "Model": part("name", name),
        "Version": part("version", loaded.version),
        "InferenceId": header(
            "X-Amzn-SageMaker-Inference-Id",
            {**TEXT, "pattern": responses.INFERENCE_ID},
            "The client's name for the request; comes back. Where it is missing, CloudEvents' ce-id takes its place.",
        ),
        "CustomAttributes": header(
            "X-Amzn-SageMaker-Custom-Attributes",
            {**TEXT, "pattern": responses.ATTRIBUTES},
            "Comes back, and is captured.",
        ),
        "ContentEncoding": header("Content-Encoding", {**TEXT, "enum": ["identity"]}, "Bodies are not compressed."),
        "HeaderLength": header(
            HEADER_LENGTH,
            {**whole(0), "maximum": 10**12 - 1},
            "Bytes of JSON before the tensors; with binary tensors alone.",
        ),
    }


def all_of(loaded: Loaded, name: str, limits: Limits) -> dict[str, Schema]:
    """Returns the paths of the server of a model."""
    code = isinstance(loaded.model, Handler)
    bounds = (
        f"At most {limits.body_bytes // MEBIBYTE} MiB, {limits.images} images, {limits.pixels} pixels in an image, "
        f"{limits.side} on a side, {limits.request_pixels} in all images that are encoded."
    )
    found = {
        "/ping": _get("ping", "health", "Whether it takes requests, and which model it has.", _state("Ping")),
        "/invocations": {"post": _code(limits) if code else _invocations(bounds)},
        "/v2": _get("serverMetadata", "open_inference", "The server.", {"200": told("Found.", "ServerMetadata")}),
        "/v2/health/live": _get("live", "health", "Whether the program runs.", {"200": told("It runs.", "Live")}),
        "/v2/health/ready": _get("ready", "health", "Whether it takes requests.", _state("Ready")),
    }
    for suffix, path in (("", "/v2/models/{name}"), ("OfVersion", "/v2/models/{name}/versions/{version}")):
        found |= _model(path, suffix, bounds, code)
    found["/metrics"] = _get("metrics", "server", "Counters and histograms, for Prometheus.", {"200": _METRICS})
    found[PATH] = _get("openapi", "server", "This document.", _DOCUMENT)
    return found


_METRICS: Schema = {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": TEXT}}}
_DOCUMENT: dict[str, Schema] = {
    "200": {"description": "OpenAPI 3.1.", "content": {media.JSON: {"schema": {"type": "object"}}}},
    "400": ref("Malformed", "responses"),
    "406": ref("NotAcceptable", "responses"),
}


def _state(schema: str) -> dict[str, Schema]:
    return {"200": told("It does.", schema), "503": told("It starts, or is about to stop.", schema)}


def _get(operation: str, tag: str, summary: str, found: dict[str, Schema]) -> Schema:
    about = {"operationId": operation, "tags": [tag], "summary": summary}
    return {"get": {**about, "responses": dict(sorted({**ANYWHERE, **found}.items()))}}


def _post(operation: str, tag: str, summary: str, body: Schema, found: dict[str, Schema]) -> Schema:
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": summary,
        "parameters": _IDENTITY,
        "requestBody": {"required": True, **body},
        "responses": dict(sorted({**GATED, **found}.items())),
    }


def _invocations(bounds: str) -> Schema:
    content: dict[str, Any] = {name: {} for name in sagemaker.ACCEPTED}
    content[media.JSON] = {"schema": ref("InvocationRequest"), "example": INVOCATION}
    either = {"anyOf": [ref("Predictions"), ref("Bare")]}
    answer = {
        "description": "By Accept: application/json, with format=full or format=bare, or application/x-npy, float32.",
        "content": {media.JSON: {"schema": either}, media.NPY: {}},
        "headers": IDENTITY,
    }
    body = {"description": f"Images. {bounds} An .npy is uint8 (H, W, 3) or (N, H, W, 3).", "content": content}
    refused = {"406": ref("NotAcceptable", "responses")}
    return _post("invoke", "sagemaker", "What the model says about images.", body, {"200": answer, **refused})


def _code(limits: Limits) -> Schema:
    body = {"description": f"At most {limits.body_bytes // MEBIBYTE} MiB, of any type.", "content": {"*/*": {}}}
    answer = {"description": "The archive's own code's answer.", "content": {"*/*": {}}, "headers": IDENTITY}
    refused = told("Refused by the archive's own code.", headers=IDENTITY)
    return _post("invoke", "sagemaker", "What the archive's own code answers.", body, {"200": answer, "4XX": refused})


def _model(path: str, suffix: str, bounds: str, code: bool) -> dict[str, Schema]:
    known = [ref("Model", "parameters"), *([ref("Version", "parameters")] if suffix else [])]
    ready = _get("modelReady" + suffix, "open_inference", "As ready.", {**_state("ModelReady"), **_MISSING})
    if code:
        return {path + "/ready": {"parameters": known, **ready}}
    metadata = {"200": told("Found.", "ModelMetadata"), **_MISSING}
    return {
        path: {"parameters": known, **_get("modelMetadata" + suffix, "open_inference", "Its tensors.", metadata)},
        path + "/ready": {"parameters": known, **ready},
        path + "/infer": {"parameters": known, "post": _infer("infer" + suffix, bounds)},
    }


def _infer(operation: str, bounds: str) -> Schema:
    content = {media.JSON: {"schema": ref("InferenceRequest"), "example": INFERENCE}, media.OCTETS: {}}
    body = {
        "description": f"One tensor, images. {bounds} Binary: JSON, and the tensor's bytes behind it.",
        "content": content,
    }
    answer = {
        "description": "Binary if binary outputs were asked for: JSON, and the tensors' bytes behind it, in its order.",
        "content": {media.JSON: {"schema": ref("InferenceResponse")}, media.OCTETS: {}},
        "headers": {**IDENTITY, HEADER_LENGTH: ref("HeaderLength", "headers")},
    }
    found = _post(operation, "open_inference", "The model's tensors for images.", body, {"200": answer, **_MISSING})
    return {**found, "parameters": [*_IDENTITY, ref("HeaderLength", "parameters")]}
