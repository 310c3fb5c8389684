"""Schemas of what a model takes: SageMaker's JSON, and the tensors of Open Inference Protocol."""

from __future__ import annotations

from typing import Any

from components.serve.limits import Limits
from components.serve.openapi.schemas import FLAG, TEXT, Schema, record, ref, several, whole
from components.serve.protocols.open_inference import INPUT
from components.serve.runtimes import Runtime

PIXELS = [[[84, 40, 40], [84, 40, 41]]]
"""An image of one row and two pixels, for the examples."""

INVOCATION: dict[str, Any] = {"instances": [PIXELS]}
INFERENCE: dict[str, Any] = {
    "id": "a name of the client's own",
    "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [1, 1, 2, 3], "data": [84, 40, 40, 84, 40, 41]}],
}


def schemas(model: Runtime, limits: Limits) -> dict[str, Schema]:
    """Returns the schemas of bodies, ``InvocationRequest`` and ``InferenceRequest``, and their parts."""
    names = [tensor.name for tensor in model.outputs]
    return {**_invocation(limits), **_inference(limits, names)}


def _invocation(limits: Limits) -> dict[str, Schema]:
    return {
        "Byte": {**whole(0, 255), "description": "Without a fraction: 1.0 might be meant as a share."},
        "Pixel": {**several(ref("Byte"), 3, 3), "description": "Red, green, blue."},
        "Image": {
            **several(several(ref("Pixel"), 1), 1),
            "description": "Rows of one length, of pixels: (height, width, 3).",
        },
        "EncodedImage": {
            **TEXT,
            "format": "byte",
            "description": "A JPEG, PNG or PNM in base64 (RFC 4648, section 4), padded, without line breaks.",
        },
        "InvocationRequest": {
            **record(
                {
                    "instances": several(ref("Image"), 1, limits.images),
                    "images": several(ref("EncodedImage"), 1, limits.images),
                },
                "instances",
                "images",
                more=True,
            ),
            "oneOf": [{"required": ["instances"]}, {"required": ["images"]}],
        },
    }


def _inference(limits: Limits, names: list[str]) -> dict[str, Schema]:
    size = whole(1, 2**31 - 1)
    common = {"name": {"const": INPUT}, "parameters": ref("TensorParameters")}
    pixels = {
        "datatype": {"const": "UINT8"},
        "shape": {
            "description": "[N, height, width, 3] or [height, width, 3].",
            "oneOf": [
                {"type": "array", "prefixItems": [*sides, {"const": 3}], "minItems": count, "maxItems": count}
                for count, sides in ((3, [size, size]), (4, [whole(1, limits.images), size, size]))
            ],
        },
        "data": ref("Numbers"),
    }
    files = {
        "datatype": {"const": "BYTES"},
        "shape": several(whole(1, limits.images), 1, 1),
        "data": several(ref("EncodedImage"), 1, limits.images),
    }
    return {
        "Numbers": {
            **several({"anyOf": [ref("Byte"), ref("Numbers")]}),
            "description": "As many as the shape says, flat or nested as the shape is.",
        },
        "TensorParameters": {
            **record({"binary_data_size": {"type": "null"}}, "binary_data_size", more=True),
            "type": ["object", "null"],
            "description": "In a binary body binary_data_size, a whole number, takes the place of data.",
        },
        "PixelTensor": record({**common, **pixels}, "parameters", more=True),
        "FileTensor": record({**common, **files}, "parameters", more=True),
        "InferenceRequest": record(
            {
                "id": {"type": ["string", "null"], "maxLength": 256, "description": "Comes back."},
                "inputs": several({"oneOf": [ref("PixelTensor"), ref("FileTensor")]}, 1, 1),
                "outputs": {
                    **several(_output(names), 0, len(names)),
                    "type": ["array", "null"],
                    "description": "Which, in what order, each once; all of them where none is named.",
                },
                "parameters": _flags("binary_data_output"),
            },
            "id",
            "outputs",
            "parameters",
            more=True,
        ),
    }


def _output(names: list[str]) -> Schema:
    return record({"name": {"enum": names}, "parameters": _flags("binary_data")}, "parameters", more=True)


def _flags(name: str) -> Schema:
    return {**record({name: FLAG}, name, more=True), "type": ["object", "null"]}
