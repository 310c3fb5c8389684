"""Requests of both protocols drawn by lot, whole and damaged, at a real server.

What holds for every one of them: an answer of a status that the protocol has; of a refusal, one error of one line in
JSON without a traceback; the queue empty afterwards; and the next plain request answered as ever.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import hostile_pictures as pictures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Running, serving
from test_decoders import damaged

GOOD = pictures.plain()
STATUSES = {200, 400, 404, 405, 406, 408, 411, 413, 415, 431, 501}
TYPES = st.sampled_from(
    ["image/png", "image/jpeg", "application/json", "application/x-npy", "application/x-image", "text/csv", "", "a/b;c"]
)
ACCEPTS = st.sampled_from(
    ["*/*", "application/json", "application/x-npy", "text/html", "application/json;format=bare", "x"]
)
PATHS = st.sampled_from(
    [
        "/invocations",
        "/v2/models/trivial/infer",
        "/v2/models/trivial/versions/abc123/infer",
        "/v2/models/x/infer",
        "/ping",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("server"), "--header-seconds", "1", "--body-seconds", "1") as found:
        yield found
        found.healthy(GOOD)
        assert found.count("queue_images") == found.count("queue_bytes") == 0


def judged(answer: Any) -> None:
    assert answer.status in STATUSES
    assert b"Traceback" not in answer.data
    if answer.status != 200:
        found = json.loads(answer.data)
        assert list(found) == ["error"]
        assert "\n" not in found["error"]
        assert len(found["error"]) < 1000


@given(data=st.data(), kind=TYPES, accept=ACCEPTS, path=PATHS, seed=st.integers(0, 2**32))
def test_whole_bodies_under_any_type_and_path_and_damaged_ones(
    server: Running, data: st.DataObject, kind: str, accept: str, path: str, seed: int
) -> None:
    wholes = [
        GOOD,
        pictures.jpeg(),
        json.dumps({"instances": [[[[1, 2, 3]]]]}).encode(),
        tensors(VALUES, data),
        binary(),
    ]
    body = data.draw(st.sampled_from(wholes))
    if data.draw(st.booleans()):
        body = damaged(body, random.Random(seed))
    judged(server.post(body, kind, path, Accept=accept))


def tensors(values: st.SearchStrategy[Any], data: st.DataObject) -> bytes:
    """A request of Open Inference Protocol, a part of it replaced by whatever JSON can be."""
    request: dict[str, Any] = {"id": "a", "inputs": [{"name": "images", "datatype": "UINT8", "shape": [1, 1, 3]}]}
    request["inputs"][0]["data"] = [1, 2, 3]
    where = data.draw(st.sampled_from(["id", "inputs", "outputs", "parameters", "name", "datatype", "shape", "data"]))
    (request if where in ("id", "inputs", "outputs", "parameters") else request["inputs"][0])[where] = data.draw(values)
    return json.dumps(request).encode()


def binary() -> bytes:
    return json.dumps({"inputs": []}).encode() + struct.pack("<I", 4) + b"abcd"


@given(
    length=st.integers(-2, 300) | st.text(max_size=5),
    shape=st.lists(st.integers(-2, 5), max_size=5),
    tail=st.binary(max_size=80),
)
def test_binary_tensors_of_any_shape_and_length(server: Running, length: Any, shape: list[int], tail: bytes) -> None:
    tensor = {"name": "images", "datatype": "UINT8", "shape": shape, "parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    told = (
        str(len(head) if length == -2 else length).encode("latin-1", "replace").replace(b"\n", b"").replace(b"\r", b"")
    )
    answer = server.post(
        head + tail, "application/octet-stream", "/v2/models/trivial/infer", **{"Inference-Header-Content-Length": told}
    )
    judged(answer)
    fits = length == -2 and len(shape) in (3, 4) and shape[-1] == 3 and np.prod(shape) == len(tail) and min(shape) > 0
    if length == -2:
        assert (answer.status == 200) == bool(fits)


LINES = [b"Host: x", b"Content-Type: image/png", b"Content-Length: %d" % len(GOOD), b"Connection: keep-alive"]


@given(seed=st.integers(0, 2**32))
def test_damaged_heads_are_answered_once_or_the_connection_ends(server: Running, seed: int) -> None:
    chance = random.Random(seed)
    whole = b"POST /invocations HTTP/1.1\r\n" + b"\r\n".join(LINES) + b"\r\n\r\n"
    with server.connect(5) as connection, suppress(OSError):
        connection.sendall(damaged(whole, chance) + GOOD)
        first = connection.recv(65_536)
        assert not first or first.startswith(b"HTTP/1.1 ")
        assert not first or int(first.split()[1]) in STATUSES
        assert b"Traceback" not in first
