"""Open Inference Protocol v2: tensors over JSON, and over raw bytes by the binary extension.

Sources: the protocol's REST specification (kserve/open-inference-protocol, ``inference_rest.yaml``) and Triton's binary
tensor data extension.

A model here takes one input, ``images``, in one of two datatypes:

* ``UINT8 [N, H, W, 3]`` (or ``[H, W, 3]``): pixels, in JSON as flat or nested numbers, or binary;
* ``BYTES [N]``: JPEG, PNG or PNM files, in JSON as base64 texts, or binary (each behind its length, 4 bytes little
  endian).

Its outputs are those of its runtime; a classifier's are ``probabilities FP32 [N, classes]`` and ``class INT64 [N]``, a
detector's ``detections FP32 [N, n, 6]``, padded with -1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from components.errors import RequestError
from components.images import Pixels
from components.serve.limits import Limits
from components.serve.protocols import media, pixels
from components.serve.protocols.sagemaker import load_json
from components.serve.protocols.wording import shown
from components.serve.runtimes import Runtime

HEADER_LENGTH = b"inference-header-content-length"
INPUT = "images"
EXTENSIONS = ["binary_tensor_data"]


class Inference(NamedTuple):
    """What a client asks.

    Attributes:
        id: Its own name for the request, comes back.
        images: Each ``(H, W, 3)`` uint8 RGB.
        outputs: The names it wants, in its order, and whether each is wanted binary.
    """

    id: str | None
    images: list[Pixels]
    outputs: list[tuple[str, bool]]


def parse(body: bytes, header_length: int | None, names: tuple[str, ...], limits: Limits) -> Inference:
    """Reads an inference request.

    Args:
        body: The whole body.
        header_length: How much of it is JSON; None is all of it.
        names: The outputs that the model has.
        limits: Of images and pixels.

    Raises:
        RequestError: 400 for anything that does not follow the protocol; 413 for too much of it.
    """
    if header_length is not None and header_length > len(body):
        raise RequestError(
            f"Inference-Header-Content-Length: expected at most the body's {len(body)} bytes, found {header_length}"
        )
    end = len(body) if header_length is None else header_length
    request = load_json(body[:end])
    tensor = _tensor(request)
    found = _images(tensor, memoryview(body)[end:], limits)
    return Inference(_id(request), found, _outputs(request, names))


def header_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Returns the Inference-Header-Content-Length of ASGI headers, None if there is none.

    Raises:
        RequestError: It is there twice, or is no whole number.
    """
    found = [value for name, value in headers if name == HEADER_LENGTH]
    if not found:
        return None
    if len(found) > 1 or not found[0].isdigit() or len(found[0]) > 12:
        raise RequestError(f"Inference-Header-Content-Length: expected one whole number, found {found[:2]!r}")
    return int(found[0])


def render(
    inference: Inference, tensors: Mapping[str, NDArray[Any]], runtime: Runtime, about: Mapping[str, str]
) -> tuple[bytes, str, int | None]:
    """Returns an answer's body, its Content-Type, and its Inference-Header-Content-Length if it has binary tensors.

    Args:
        inference: What was asked.
        tensors: The model's outputs by name.
        runtime: Its ``outputs`` hold their datatypes.
        about: ``model_name``, ``model_version`` and ``id``.
    """
    datatypes = {tensor.name: tensor.datatype for tensor in runtime.outputs}
    listed, tail = [], []
    for name, binary in inference.outputs:
        array = np.ascontiguousarray(tensors[name])
        shown: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": datatypes[name]}
        if binary:
            raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
            shown["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            shown["data"] = array.reshape(-1)
        listed.append(shown)
    head = orjson.dumps({**about, "outputs": listed}, option=orjson.OPT_SERIALIZE_NUMPY)
    if not tail:
        return head, media.JSON, None
    return b"".join((head, *tail)), media.OCTETS, len(head)


def metadata(name: str, version: str, runtime: Runtime) -> dict[str, Any]:
    """Returns what ``GET /v2/models/{name}`` answers."""
    return {
        "name": name,
        "versions": [version],
        "platform": runtime.platform,
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": [{"name": t.name, "datatype": t.datatype, "shape": list(t.shape)} for t in runtime.outputs],
    }


def _tensor(request: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RequestError(f"expected inputs as a list of one tensor, {INPUT!r}, found {shown(inputs)}")
    if inputs[0].get("name") != INPUT:
        raise RequestError(f"expected an input named {INPUT!r}, found {shown(inputs[0].get('name'))}")
    return inputs[0]


def _images(tensor: Mapping[str, Any], tail: memoryview, limits: Limits) -> list[Pixels]:
    datatype, shape = tensor.get("datatype"), _shape(tensor.get("shape"))
    if datatype not in ("UINT8", "BYTES"):
        raise RequestError(f"expected the datatype UINT8 or BYTES, found {shown(datatype)}")
    raw = _raw(tensor, tail)
    if datatype == "BYTES":
        return _files(tensor, shape, raw, limits)
    if len(shape) not in (3, 4) or shape[-1] != 3:
        raise RequestError(f"expected the shape [N, H, W, 3] or [H, W, 3], found {list(shape)}")
    flat = raw if raw is not None else pixels.to_bytes(list(_flat(tensor.get("data"), len(shape))))
    if len(flat) != math.prod(shape):
        raise RequestError(f"expected {math.prod(shape)} values for the shape {list(shape)}, found {len(flat)}")
    array = np.frombuffer(flat, np.uint8).reshape(shape)
    return pixels.split(array if array.ndim == 4 else array[None], limits)


def _files(tensor: Mapping[str, Any], shape: tuple[int, ...], raw: memoryview | None, limits: Limits) -> list[Pixels]:
    if len(shape) != 1:
        raise RequestError(f"expected the shape [N] for BYTES, found {list(shape)}")
    pixels.check_count(shape[0], limits)
    if raw is None:
        data = tensor.get("data")
        if not isinstance(data, list) or len(data) != shape[0]:
            raise RequestError(f"expected data with {shape[0]} base64 texts, found another number")
        return pixels.from_base64(data, limits)
    return pixels.from_files([*_lengths(raw, shape[0])], limits)


def _lengths(raw: memoryview, count: int) -> Iterator[bytes]:
    start = 0
    for _ in range(count):
        if start + 4 > len(raw):
            raise RequestError(f"expected {count} BYTES elements, each behind its length, found the data end earlier")
        (length,) = struct.unpack_from("<I", raw, start)
        start += 4 + length
        if start > len(raw):
            raise RequestError(f"expected a BYTES element of {length} bytes, found the data end earlier")
        yield bytes(raw[start - length : start])
    if start != len(raw):
        raise RequestError(f"expected {count} BYTES elements, found {len(raw) - start} bytes after them")


def _raw(tensor: Mapping[str, Any], tail: memoryview) -> memoryview | None:
    size = _parameters(tensor).get("binary_data_size")
    if size is None:
        if len(tail):
            raise RequestError(f"expected binary_data_size for the {len(tail)} bytes after the JSON, found none")
        return None
    if "data" in tensor:
        raise RequestError("expected either data or binary_data_size, found both")
    if type(size) is not int or size != len(tail):
        raise RequestError(f"expected a binary_data_size of the {len(tail)} bytes after the JSON, found {shown(size)}")
    return tail


def _shape(found: Any) -> tuple[int, ...]:
    if not isinstance(found, list) or not 1 <= len(found) <= 4:
        raise RequestError("expected a shape of 1 to 4 dimensions, found another")
    if not all(type(n) is int and 1 <= n < 2**31 for n in found):
        raise RequestError(
            f"expected a shape of whole numbers from 1 to 2147483647, found {', '.join(map(shown, found))}"
        )
    return tuple(found)


def _flat(data: Any, depth: int) -> Iterator[Any]:
    if not isinstance(data, list):
        raise RequestError(f"expected data as a list, found {shown(data)}")
    if data and isinstance(data[0], list):
        if depth <= 1:
            raise RequestError("expected data nested no deeper than its shape, found deeper")
        for part in data:
            yield from _flat(part, depth - 1)
    else:
        yield from data


def _outputs(request: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, bool]]:
    default = _flag(_parameters(request), "binary_data_output", False)
    wanted = request.get("outputs")
    if wanted is None or wanted == []:
        return [(name, default) for name in names]
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise RequestError("expected outputs as a list of objects, found another")
    found = [(output.get("name"), _flag(_parameters(output), "binary_data", default)) for output in wanted]
    unknown = [name for name, _ in found if name not in names]
    if unknown or len({name for name, _ in found}) != len(found):
        raise RequestError(
            f"expected outputs among {', '.join(names)}, each once, found {', '.join(shown(n) for n, _ in found[:8])}"
        )
    return [(str(name), binary) for name, binary in found]


def _parameters(found: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = found.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(f"expected parameters as an object, found {shown(parameters)}")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(f"expected true or false as {name}, found {shown(value)}")
    return value


def _id(request: Mapping[str, Any]) -> str | None:
    found = request.get("id")
    if found is not None and (not isinstance(found, str) or len(found) > 256):
        raise RequestError("expected an id of at most 256 characters, found another")
    return found
