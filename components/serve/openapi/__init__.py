"""What a server speaks, as an OpenAPI 3.1 document: ``GET /openapi.json``, ``python -m components.serve openapi``.

The document is about one server. Names, labels, shapes and limits are those of the model that it holds, so a client
made from it knows the model's classes, and a fuzzer that reads it comes past the front door.

Four things OpenAPI cannot say are said in words: that rows of an image have one length, that data have as many numbers
as their shape, that these are written without a fraction (to JSON Schema 1.0 is whole), and that
``Inference-Header-Content-Length`` goes with binary bodies alone.

Source: OpenAPI Specification 3.1.0, whose schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any

from components.serve.handlers import Handler
from components.serve.limits import Limits
from components.serve.loading import Loaded
from components.serve.openapi import answers, inference, paths, responses, schemas

VERSION = "3.1.0"
PATH = paths.PATH

_ABOUT = """\
One model behind SageMaker's container contract (`/ping`, `/invocations`) and the Open Inference Protocol v2 (`/v2`).
A refusal is JSON, `{"error": "expected …, found …"}`. A path that is not here is answered with 404, another method of
a path with 405 and `Allow`; HEAD is taken wherever GET is. What is no HTTP/1.1 gets 400, a head that is too slow 408,
one that is too large 431, whatever the path, and the connection is closed."""


def describe(loaded: Loaded, name: str, limits: Limits) -> dict[str, Any]:
    """Returns the document of a server.

    Args:
        loaded: Its model.
        name: As in ``/v2/models/<name>``.
        limits: What it refuses.
    """
    model = loaded.model
    known = {} if isinstance(model, Handler) else {**inference.schemas(model, limits), **answers.schemas(model)}
    return {
        "openapi": VERSION,
        "info": {"title": name, "version": loaded.version, "description": _ABOUT},
        "tags": [{"name": tag, "description": text} for tag, text in paths.TAGS.items()],
        "paths": paths.all_of(loaded, name, limits),
        "components": {
            "schemas": {**schemas.general(loaded, name), **known},
            "responses": responses.RESPONSES,
            "headers": responses.HEADERS,
            "parameters": paths.parameters(loaded, name),
        },
    }
