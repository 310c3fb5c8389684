"""Open Inference Protocol v2, through a running server; the reader alone for what is drawn by lot."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import RequestError
from components.serve.limits import Limits
from components.serve.protocols import open_inference

HTTP = urllib3.PoolManager(retries=False)
MODEL = "/v2/models/trivial"
NAMES = ("probabilities", "class")


def solid(*reds: int, side: int = 4) -> Any:
    pixels = np.full((len(reds), side, side, 3), 40, np.uint8)
    pixels[..., 0] = np.array(reds)[:, None, None]
    return pixels


def tensor(array: Any, **changes: Any) -> dict[str, Any]:
    found = {"name": "images", "datatype": "UINT8", "shape": list(array.shape), "data": array.reshape(-1).tolist()}
    return {key: value for key, value in {**found, **changes}.items() if value is not ...}


def request(*inputs: Any, **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **more}


def binary(content: dict[str, Any], *tails: bytes) -> tuple[bytes, dict[str, str]]:
    head = json.dumps(content).encode()
    return head + b"".join(tails), {
        "Inference-Header-Content-Length": str(len(head)),
        "Content-Type": "application/octet-stream",
    }


@pytest.fixture
def get(running: str) -> Any:
    def get(path: str) -> tuple[int, Any]:
        response = HTTP.request("GET", running + path)
        return response.status, json.loads(response.data)

    return get


@pytest.fixture
def post(running: str) -> Any:
    def post(body: Any, headers: Any = None, path: str = MODEL + "/infer") -> Any:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = headers if headers is not None else {"Content-Type": "application/json"}
        return HTTP.request("POST", running + path, body=data, headers=sent)

    return post


def outputs(response: Any) -> dict[str, Any]:
    """Returns the output tensors of an answer, JSON or binary."""
    assert response.status == 200, response.data
    length = response.headers.get("Inference-Header-Content-Length")
    head = response.data if length is None else response.data[: int(length)]
    tail = b"" if length is None else response.data[int(length) :]
    found = {}
    for output in json.loads(head)["outputs"]:
        kind = {"FP32": "<f4", "INT64": "<i8"}[output["datatype"]]
        if "data" in output:
            array = np.array(output["data"], kind)
        else:
            size = output["parameters"]["binary_data_size"]
            array, tail = np.frombuffer(tail[:size], kind), tail[size:]
        found[output["name"]] = array.reshape(output["shape"])
    assert tail == b""
    return found


def error(response: Any) -> str:
    found = json.loads(response.data)
    assert list(found) == ["error"]
    assert "Traceback" not in found["error"]
    return found["error"]


def test_health_server_and_model_are_described(get: Any) -> None:
    assert get("/v2/health/live") == (200, {"live": True})
    assert get("/v2/health/ready") == (200, {"ready": True})
    assert get("/v2")[1]["extensions"] == ["binary_tensor_data"]
    status, described = get(MODEL)
    assert status == 200
    assert described["versions"] == ["abc123"]
    assert [entry["name"] for entry in described["inputs"]] == ["images"]
    assert {entry["name"]: entry["datatype"] for entry in described["outputs"]} == {
        "probabilities": "FP32",
        "class": "INT64",
    }
    for path in (MODEL, MODEL + "/versions/abc123"):
        assert get(path)[1] == described
        assert get(path + "/ready") == (200, {"name": "trivial", "ready": True})


def test_pixels_in_json_are_answered_with_tensors(post: Any) -> None:
    found = outputs(post(request(tensor(solid(3, 63, 123)))))
    assert found["class"].tolist() == [0, 10, 20]
    assert found["probabilities"].shape == (3, 43)
    assert found["probabilities"].sum(axis=1) == pytest.approx(1)


def test_one_image_needs_no_batch_dimension_and_nested_data_mean_the_same(post: Any) -> None:
    one = solid(63)[0]
    for data in (one.reshape(-1).tolist(), one.tolist()):
        assert outputs(post(request(tensor(one, data=data))))["class"].tolist() == [10]


def test_json_and_binary_agree(post: Any) -> None:
    images = solid(3, 63, 123, side=50)
    in_json = outputs(post(request(tensor(images))))
    head = tensor(images, data=..., parameters={"binary_data_size": images.nbytes})
    for wanted in ({}, {"parameters": {"binary_data_output": True}}):
        answer = post(*binary(request(head, **wanted), images.tobytes()))
        assert ("Inference-Header-Content-Length" in answer.headers) == bool(wanted)
        for name, array in outputs(answer).items():
            assert np.array_equal(array, in_json[name])


def test_files_are_bytes_tensors(post: Any, picture: Any) -> None:
    files = [picture(33, form="PNG"), picture(63, form="JPEG", side=90)]
    texts = [base64.b64encode(file).decode() for file in files]
    listed = {"name": "images", "datatype": "BYTES", "shape": [2]}
    assert outputs(post(request({**listed, "data": texts})))["class"].tolist() == [5, 10]
    tail = b"".join(struct.pack("<I", len(file)) + file for file in files)
    head = {**listed, "parameters": {"binary_data_size": len(tail)}}
    assert outputs(post(*binary(request(head), tail)))["class"].tolist() == [5, 10]


def test_outputs_are_chosen_by_name_and_form(post: Any) -> None:
    wanted = [{"name": "class", "parameters": {"binary_data": True}}, {"name": "probabilities"}]
    answer = post(request(tensor(solid(63)), outputs=wanted))
    assert list(outputs(answer)) == ["class", "probabilities"]
    assert outputs(answer)["class"].tolist() == [10]
    only = outputs(post(request(tensor(solid(63)), outputs=[{"name": "class"}])))
    assert list(only) == ["class"]


def test_the_clients_id_comes_back_and_else_the_event_id(post: Any) -> None:
    assert json.loads(post(request(tensor(solid(3)), id="mine")).data)["id"] == "mine"
    answer = post(request(tensor(solid(3))))
    assert json.loads(answer.data)["id"] == answer.headers["X-Roadworthy-Event-Id"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/other",
        "/v2/models/..",
        "/v2/models/%2e%2e",
        "/v2/models/trivial%2Fversions",
        "/v2/models/trivial%00",
        "/v2/models/%F0%9F%9A%97",
        "/v2/models/" + "a" * 10000,
        "/v2/models/trivial/versions/2",
        "/v2/models/Trivial",
    ],
)
def test_models_that_are_not_there_are_404(running: str, path: str) -> None:
    response = HTTP.urlopen("GET", running + path)
    assert response.status in (404, 307)
    if response.status == 404:
        assert len(error(response)) < 500
    assert HTTP.urlopen("POST", running + path + "/infer", body=b"{}").status in (404, 405)


IMAGE = solid(63)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"inputs": {}},
        {"inputs": []},
        {"inputs": [7]},
        request(tensor(IMAGE), tensor(IMAGE)),
        request(tensor(IMAGE, name="picture")),
        request(tensor(IMAGE, name=["images"])),
        request(tensor(IMAGE, name=...)),
        request(tensor(IMAGE, datatype="uint8")),
        request(tensor(IMAGE, datatype="FP32")),
        request(tensor(IMAGE, datatype="BYTES")),
        request(tensor(IMAGE, datatype=None)),
        request(tensor(IMAGE, datatype={"a": 1})),
        *(
            request(tensor(IMAGE, shape=shape))
            for shape in (
                [1, 4, 4, 4],
                [1, 4, 3, 3],
                [2, 4, 4, 3],
                [-1, 4, 4, 3],
                [0, 4, 4, 3],
                [True, 4, 4, 3],
                [1.0, 4, 4, 3],
                [2**63, 2**63, 2, 3],
                [2**31 - 1, 2**31 - 1, 2**31 - 1, 3],
                [48],
                [16, 3],
                [1, 1, 4, 4, 3],
                [[1], 4, 4, 3],
                [],
                None,
                "1,4,4,3",
                {"0": 1},
            )
        ),
        request(tensor(IMAGE, data=...)),
        request(tensor(IMAGE, data=None)),
        request(tensor(IMAGE, data=[1.5] * 48)),
        request(tensor(IMAGE, data=[256] * 48)),
        request(tensor(IMAGE, data=[-1] * 48)),
        request(tensor(IMAGE, data=[True] * 48)),
        request(tensor(IMAGE, data=["1"] * 48)),
        request(tensor(IMAGE, data=[[1, 2], [3]])),
        request(tensor(IMAGE, data=[[[[[1]]]]])),
        request(tensor(IMAGE, data="A" * 48)),
        request(tensor(IMAGE, parameters={"binary_data_size": 48})),
        request(tensor(IMAGE, data=..., parameters={"binary_data_size": 48})),
        request(tensor(IMAGE, parameters=[1])),
        request(tensor(IMAGE), parameters="yes"),
        request(tensor(IMAGE), parameters={"binary_data_output": 1}),
        request(tensor(IMAGE), outputs=[{"name": "logits"}]),
        request(tensor(IMAGE), outputs=[{"name": "class"}, {"name": "class"}]),
        request(tensor(IMAGE), outputs=[{"name": ["class"]}]),
        request(tensor(IMAGE), outputs="class"),
        request(tensor(IMAGE), outputs=[{"name": "class", "parameters": {"binary_data": "true"}}]),
        request(tensor(IMAGE), id=7),
        request(tensor(IMAGE), id="x" * 1000),
    ],
)
def test_what_does_not_follow_the_protocol_is_400(post: Any, content: dict[str, Any]) -> None:
    refused = post(content)
    assert refused.status == 400
    assert "expected" in error(refused)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe{}", b"{" * 5000, b'{"inputs": NaN}', b'{"id": "\\ud800"}', b"[]"])
def test_what_is_no_json_is_400(post: Any, body: bytes) -> None:
    assert post(body).status == 400


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "99999999", "9" * 30, "0x10", "١"])
def test_a_json_length_that_lies_is_400(post: Any, length: str) -> None:
    body, _ = binary(request(tensor(IMAGE)))
    refused = post(body, {"Inference-Header-Content-Length": length.encode()})
    assert refused.status == 400
    assert "expected" in error(refused)


def test_a_json_length_given_twice_is_400(post: Any) -> None:
    body, _ = binary(request(tensor(IMAGE)))
    headers = urllib3.HTTPHeaderDict()
    headers.add("Inference-Header-Content-Length", str(len(body)))
    headers.add("Inference-Header-Content-Length", "5")
    assert post(body, headers).status == 400


@pytest.mark.parametrize("size", [0, 47, 49, -48, "48", 48.0, True, 2**63])
def test_a_binary_size_that_lies_is_400(post: Any, size: Any) -> None:
    head = tensor(IMAGE, data=..., parameters={"binary_data_size": size})
    assert post(*binary(request(head), IMAGE.tobytes())).status == 400


@pytest.mark.parametrize(
    "tail", [b"", b"\0\0\0", struct.pack("<I", 2**32 - 1) + b"x", struct.pack("<I", 0), struct.pack("<I", 1) + b"xy"]
)
def test_bytes_elements_that_do_not_fill_their_data_are_400(post: Any, tail: bytes) -> None:
    head = {"name": "images", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(tail)}}
    assert post(*binary(request(head), tail)).status == 400


def test_too_many_images_are_413(post: Any) -> None:
    assert post(request(tensor(np.zeros((200, 1, 1, 3), np.uint8)))).status == 413
    assert post(request({"name": "images", "datatype": "BYTES", "shape": [2**31 - 1], "data": []})).status == 413


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=300)
@given(
    changes=st.dictionaries(
        st.sampled_from(["name", "datatype", "shape", "data", "parameters"]), JSON, min_size=1, max_size=3
    ),
    more=st.dictionaries(st.sampled_from(["id", "parameters", "outputs"]), JSON, max_size=2),
    tail=st.binary(max_size=60),
)
def test_any_request_is_read_or_refused(changes: dict[str, Any], more: dict[str, Any], tail: bytes) -> None:
    head = json.dumps(request({**tensor(IMAGE), **changes}, **more)).encode()
    try:
        found = open_inference.parse(head + tail, len(head), NAMES, Limits())
    except RequestError as refused:
        status = refused.status
    else:
        status = 200
        assert all(image.ndim == 3 and image.shape[2] == 3 for image in found.images)
    assert status in (200, 400, 413)


@settings(max_examples=100)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.just(3)),
    seed=st.integers(0, 1000),
    in_json=st.booleans(),
)
def test_images_arrive_as_they_were_sent(shape: tuple[int, ...], seed: int, in_json: bool) -> None:
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    if in_json:
        body, length = json.dumps(request(tensor(images))).encode(), None
    else:
        head = tensor(images, data=..., parameters={"binary_data_size": images.nbytes})
        body, headers = binary(request(head), images.tobytes())
        length = int(headers["Inference-Header-Content-Length"])
    assert np.array_equal(np.stack(open_inference.parse(body, length, NAMES, Limits()).images), images)
