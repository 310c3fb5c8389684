"""Schemas of what every server answers about itself, and the short words that the other rooms write schemas with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.serve.loading import Loaded

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}


def ref(name: str, kind: str = "schemas") -> Schema:
    """Returns a reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def record(properties: Mapping[str, Any], *optional: str, more: bool = False) -> Schema:
    """Returns the schema of an object.

    Args:
        properties: Schemas by key.
        optional: Keys that may be missing.
        more: Whether keys that are not named are taken, and ignored.
    """
    found: Schema = {"type": "object", "properties": dict(properties)}
    required = [key for key in properties if key not in optional]
    if required:
        found["required"] = required
    return found if more else {**found, "additionalProperties": False}


def several(items: Schema, low: int | None = None, high: int | None = None) -> Schema:
    """Returns the schema of a list of ``low`` to ``high`` items."""
    bounds = {"minItems": low, "maxItems": high}
    return {"type": "array", "items": items, **{key: bound for key, bound in bounds.items() if bound is not None}}


def whole(low: int, high: int | None = None) -> Schema:
    """Returns the schema of a whole number."""
    return {"type": "integer", "minimum": low, **({} if high is None else {"maximum": high})}


def general(loaded: Loaded, name: str) -> dict[str, Schema]:
    """Returns the schemas of health, metadata and refusals."""
    tensor = record(
        {"name": TEXT, "datatype": ref("Datatype"), "shape": several({"type": "integer", "minimum": -1}, 1)}
    )
    about = {
        "name": {"const": name},
        "versions": {"const": [loaded.version]},
        "platform": TEXT,
        "inputs": several(ref("TensorMetadata"), 1),
        "outputs": several(ref("TensorMetadata"), 1),
    }
    return {
        "Error": record({"error": {**TEXT, "description": "One line: what was expected, and what was found."}}),
        "Ping": record(
            {"ready": FLAG, "model": {"const": name}, "digest": {**TEXT, "pattern": "^sha256:[0-9a-f]{64}$"}}
        ),
        "Live": record({"live": {"const": True}}),
        "Ready": record({"ready": FLAG}),
        "Datatype": {"enum": ["BYTES", "FP32", "INT64", "UINT8"]},
        "ServerMetadata": record({"name": TEXT, "version": TEXT, "extensions": several(TEXT)}),
        "TensorMetadata": {**tensor, "description": "A shape's -1 is a dimension that varies."},
        "ModelMetadata": record(about),
        "ModelReady": record({"name": {"const": name}, "ready": FLAG}),
    }
