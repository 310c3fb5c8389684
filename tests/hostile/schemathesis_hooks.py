"""What schemathesis cannot read in the server's description: pictures, arrays, and what is only said there in words.

It runs in schemathesis' own environment, which has neither NumPy nor Pillow: the folder ``HOSTILE_PICTURES`` holds the
pictures. Answers are counted in the file ``HOSTILE_TALLY``, by phase, kind of data, operation, type and status. What is
meant to be wrong in a request is left as it is.
"""

from __future__ import annotations

import atexit
import base64
import json
import math
import os
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

HEADER_LENGTH = "Inference-Header-Content-Length"
FITTING = (
    "*/*",
    "application/json",
    "application/json;format=bare",
    "application/json; format=full",
    "text/html;q=0.1, application/x-npy",
)
UNFIT = ("text/html", "application/json; format=short", "application/json;q=2", "application/json;q=0", "json", "*")

FOLDER = Path(os.environ["HOSTILE_PICTURES"])
FILES = {kind: [path.read_bytes() for path in sorted(FOLDER.glob(f"*.{kind}"))] for kind in ("png", "jpeg", "ppm")}
ANY_FILE = st.sampled_from([data for files in FILES.values() for data in files])


@st.composite
def arrays(draw: st.DrawFn) -> tuple[list[int], bytes]:
    """A shape, with or without a number of images, and as many bytes."""
    sides = [draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 6)), 3]
    shape = sides[draw(st.integers(0, 1)) :]
    count = math.prod(shape)
    return shape, draw(st.binary(min_size=count, max_size=count))


@st.composite
def npy_files(draw: st.DrawFn) -> bytes:
    shape, data = draw(arrays())
    head = repr({"descr": "|u1", "fortran_order": draw(st.booleans()), "shape": tuple(shape)}).encode() + b"\n"
    if draw(st.booleans()):
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(head)) + head + data


@st.composite
def binary_tensors(draw: st.DrawFn) -> bytes:
    """JSON, and one tensor's bytes behind it."""
    if draw(st.booleans()):
        kind, (shape, data) = "UINT8", draw(arrays())
    else:
        files = draw(st.lists(ANY_FILE, min_size=1, max_size=3))
        kind, shape, data = "BYTES", [len(files)], b"".join(struct.pack("<I", len(file)) + file for file in files)
    tensor = {"name": "images", "datatype": kind, "shape": shape, "parameters": {"binary_data_size": len(data)}}
    wanted = {"binary_data_output": draw(st.booleans())}
    return json.dumps({"inputs": [tensor], "parameters": wanted}).encode() + data


schemathesis.openapi.media_type("image/png", st.sampled_from(FILES["png"]))
schemathesis.openapi.media_type("image/jpeg", st.sampled_from(FILES["jpeg"]))
schemathesis.openapi.media_type("application/x-image", ANY_FILE)
schemathesis.openapi.media_type("application/x-npy", npy_files())
schemathesis.openapi.media_type("application/octet-stream", binary_tensors())
schemathesis.openapi.format("byte", ANY_FILE.map(lambda file: base64.b64encode(file).decode()))


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Leaves prefixItems out of answers' schemas: schemathesis 4.32 reads them there as draft 4's, and gives up."""
    del context
    schemas = raw_schema["components"]["schemas"]
    for name in ("InferenceResponse", "Bare"):
        schemas[name] = without(schemas[name], "prefixItems")


def without(node: Any, key: str) -> Any:
    """Returns a document without a key, however deep."""
    if isinstance(node, dict):
        return {name: without(value, key) for name, value in node.items() if name != key}
    return [without(value, key) for value in node] if isinstance(node, list) else node


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Makes true in a fitting request what the description says in words."""
    del context, kwargs
    if case.meta is None or case.method.upper() != "POST":
        return
    fits = not case.meta.is_negative_at(ParameterLocation.BODY)
    if fits and case.media_type == "application/json":
        case.body = fitted(case.body)
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        case.headers.pop(HEADER_LENGTH, None)
        if fits and case.media_type == "application/octet-stream":
            case.headers[HEADER_LENGTH] = str(json_length(case.body))
        accepts = FITTING if fits else FITTING + UNFIT
        case.headers["Accept"] = accepts[zlib.crc32(repr(case.body).encode()) % len(accepts)]


def fitted(body: dict[str, Any]) -> dict[str, Any]:
    """Returns a body whose rows have one length, and whose data have as many numbers as their shape says."""
    body = json.loads(json.dumps(body))
    if "instances" in body:
        body["instances"] = [[row[: min(map(len, rows))] for row in rows] for rows in whole(body["instances"])]
    if "inputs" in body:
        tensor = body["inputs"][0]
        if tensor["datatype"] == "BYTES":
            tensor["shape"] = [len(tensor["data"])]
        else:
            numbers = flat(whole(tensor["data"]))
            numbers = numbers[: len(numbers) // 3 * 3] or [84, 40, 40]
            tensor["data"] = numbers
            tensor["shape"] = [1] * (len(tensor["shape"]) - 2) + [len(numbers) // 3, 3]
    if body.get("outputs"):
        body["outputs"] = list({output["name"]: output for output in body["outputs"]}.values())
    return body


def whole(node: Any) -> Any:
    """Returns lists of whole numbers as such: to JSON Schema 1.0 is one, to the server it may be a share of 255."""
    return [whole(value) for value in node] if isinstance(node, list) else int(node)


def flat(node: Any) -> list[int]:
    """Returns the numbers of nested lists."""
    return [number for value in node for number in flat(value)] if isinstance(node, list) else [node]


def json_length(body: bytes) -> int:
    """Returns how many bytes of a binary body are JSON."""
    return json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]


TALLY: Counter[str] = Counter()


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Counts an answer."""
    del context
    if case.meta is not None:
        about = case.meta.phase.name.value, case.meta.generation.mode.value, case.operation.label, case.media_type
        TALLY["|".join([*map(str, about), str(response.status_code)])] += 1


@atexit.register
def write() -> None:
    """Writes the counts."""
    Path(os.environ["HOSTILE_TALLY"]).write_text(json.dumps(TALLY, indent=1))
