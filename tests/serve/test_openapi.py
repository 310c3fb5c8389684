"""The server's description of itself: it is OpenAPI, it is complete, and every answer is one that it promises.

The grammar is openapi-spec-validator's, the schemas are jsonschema's to judge. ``tests/hostile/test_schemathesis.py``
draws requests from the same document by lot.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from components.package.archive import unpack
from components.serve import openapi
from components.serve.limits import Limits
from components.serve.loading import Loaded, Settings, load
from tests.serve.trivial import Finding, Trivial, loaded

ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager(retries=False, maxsize=8)
PNG, JSON = {"Content_Type": "image/png"}, {"Content_Type": "application/json"}
NPY_TYPE = "application/x-npy"
NPY = {"Content_Type": NPY_TYPE}
RESPONSE = {"$ref": "#/components/schemas/InferenceResponse"}
GOOD = {"instances": [[[[33, 0, 0]]]]}
INFER = "/v2/models/trivial/infer"
ONE = {"name": "images", "datatype": "UINT8", "shape": [1, 1, 3], "data": [33, 0, 0]}


class Description:
    """A server's own document, and what it promises."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.document = json.loads(HTTP.request("GET", url + "/openapi.json").data)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Sends a request and holds the answer against the document; returns it."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = HTTP.request(method, self.url + path, body=data, headers=given, timeout=30)
        self.promised(method, path, answer)
        return answer

    def promised(self, method: str, path: str, answer: Any) -> None:
        """Asserts that the document has this path, method, status, type, body and headers."""
        [template] = [known for known in self.document["paths"] if re.fullmatch(re.sub("{.*?}", "[^/]+", known), path)]
        response = self.found(self.document["paths"][template][method.lower()]["responses"][str(answer.status)])
        kind = answer.headers["Content-Type"].partition(";")[0]
        schema = response["content"][kind].get("schema", True)
        if kind == "application/json":
            self.judged(json.loads(answer.data), schema)
        for name, told in response.get("headers", {}).items():
            header, value = self.found(told), answer.headers.get(name)
            assert value is not None or not header.get("required")
            if value is not None:
                self.judged(int(value) if header["schema"].get("type") == "integer" else value, header["schema"])

    def judged(self, value: Any, schema: Any) -> None:
        """Asserts that a value is what a schema of the document says."""
        whole = schema if schema is True else {**schema, "components": self.document["components"]}
        Draft202012Validator(whole).validate(value)

    def found(self, node: Any) -> Any:
        """Follows a reference."""
        if "$ref" not in node:
            return node
        _, _, kind, name = node["$ref"].split("/")
        return self.document["components"][kind][name]


@pytest.fixture(scope="module")
def described(running: str) -> Description:
    return Description(running)


@pytest.fixture(scope="module", params=["classifier", "detector"])
def either(request: pytest.FixtureRequest, server: Any) -> Iterator[Description]:
    with server(*["--detector"][: request.param == "detector"]) as (url, _):
        yield Description(url)


@pytest.fixture(params=["classifier", "detector", "code"])
def model(request: pytest.FixtureRequest, handler_archive: Path, tmp_path: Path) -> Loaded:
    if request.param == "code":
        unpack(handler_archive, tmp_path / "model")
        return load(tmp_path / "model", Settings(allow_code=True))
    return loaded(Trivial() if request.param == "classifier" else Finding())


def test_it_is_openapi_for_any_kind_of_model(model: Loaded) -> None:
    document = openapi.describe(model, "trivial", Limits())
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_each_part_of_it_is_used_and_each_operation_has_a_name_of_its_own(either: Description) -> None:
    document = either.document
    told = json.dumps(document)
    named = [f"#/components/{kind}/{name}" for kind, parts in document["components"].items() for name in parts]
    assert {name for name in named if f'"{name}"' not in told} <= {"#/components/responses/MethodNotAllowed"}
    names = [operation["operationId"] for path in document["paths"].values() for operation in operations(path)]
    assert len(names) == len(set(names)) > 5


def operations(path: dict[str, Any]) -> list[dict[str, Any]]:
    return [path[method] for method in ("get", "post") if method in path]


def test_every_route_is_in_it_and_nothing_else(described: Description) -> None:
    model = ["", "/ready", "/infer", "/versions/{version}", "/versions/{version}/ready", "/versions/{version}/infer"]
    others = ["/ping", "/invocations", "/v2", "/v2/health/live", "/v2/health/ready", "/metrics", "/openapi.json"]
    assert set(described.document["paths"]) == {*others, *("/v2/models/{name}" + end for end in model)}
    for path in described.document["paths"]:
        asked = path.replace("{name}", "trivial").replace("{version}", "abc123")
        answer = HTTP.request("DELETE", described.url + asked)
        assert answer.status == 405
        described.judged(json.loads(answer.data), {"$ref": "#/components/schemas/Error"})
        allowed = set(answer.headers["Allow"].lower().split(", ")) - {"head"}
        assert allowed == described.document["paths"][path].keys() - {"parameters"}


GETS = ["/ping", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/trivial", "/v2/models/trivial/ready"]
GETS += ["/v2/models/trivial/versions/abc123", "/v2/models/trivial/versions/abc123/ready", "/metrics", "/openapi.json"]


@pytest.mark.parametrize("path", GETS)
def test_what_a_server_says_about_itself_is_as_described(either: Description, path: str) -> None:
    assert either.ask("GET", path).status == 200
    assert HTTP.request("HEAD", either.url + path).data == b""


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/trivial/versions/0/ready", "/v2/models/a%20b/infer"])
def test_another_model_is_refused_as_described(described: Description, path: str) -> None:
    method = "POST" if path.endswith("infer") else "GET"
    assert described.ask(method, path, {"inputs": [ONE]}, **JSON).status == 404


def files(*reds: int, picture: Any) -> list[str]:
    return [base64.b64encode(picture(red)).decode() for red in reds]


@pytest.mark.parametrize("accept", ["*/*", "application/json; format=bare", "application/json; format=full", NPY_TYPE])
def test_what_a_model_says_of_images_is_as_described(either: Description, accept: str, picture: Any) -> None:
    for red in (33, 84, 85, 86):
        assert either.ask("POST", "/invocations", picture(red), Accept=accept, **PNG).status == 200
    several = {"images": files(3, 90, 91, picture=picture)}
    ids = {"X_Amzn_SageMaker_Inference_Id": "mine 1", "X_Amzn_SageMaker_Custom_Attributes": '{"a": 1}'}
    answer = either.ask("POST", "/invocations", several, Accept=accept, **JSON, **ids)
    assert answer.headers["X-Amzn-SageMaker-Inference-Id"] == "mine 1"


@pytest.mark.parametrize("wanted", [{}, {"parameters": {"binary_data_output": True}}], ids=["JSON", "binary"])
def test_a_models_tensors_are_as_described(either: Description, wanted: Any, picture: Any) -> None:
    encoded = {"name": "images", "datatype": "BYTES", "shape": [2], "data": files(3, 90, picture=picture)}
    for tensor in (ONE, encoded):
        answer = either.ask("POST", INFER, {"inputs": [tensor], **wanted}, **JSON)
        assert answer.status == 200
        length = answer.headers.get("Inference-Header-Content-Length")
        assert (length is not None) == bool(wanted)
        either.judged(json.loads(answer.data[: int(length or len(answer.data))]), RESPONSE)


def test_the_examples_are_answered(either: Description) -> None:
    for path in ("/invocations", INFER):
        template = path.replace("trivial", "{name}")
        content = either.document["paths"][template]["post"]["requestBody"]["content"]["application/json"]
        either.judged(content["example"], content["schema"])
        assert either.ask("POST", path, content["example"], **JSON).status == 200


REFUSED: dict[str, tuple[int, str, Any, dict[str, str]]] = {
    "no picture": (400, "/invocations", b"x", PNG),
    "an id of 65 characters": (400, "/invocations", b"x", {**PNG, "X_Amzn_SageMaker_Inference_Id": "x" * 65}),
    "both keys": (400, "/invocations", {"images": [], "instances": []}, JSON),
    "no tensor": (400, INFER, {"inputs": []}, JSON),
    "parameters that are no object": (400, INFER, {"inputs": [ONE], "parameters": False}, JSON),
    "parameters of a tensor that are no object": (400, INFER, {"inputs": [{**ONE, "parameters": 0}]}, JSON),
    "an answer that is not made here": (406, "/invocations", GOOD, {**JSON, "Accept": "text/html"}),
    "a form that is not known": (406, "/invocations", GOOD, {**JSON, "Accept": "application/json; format=short"}),
    "129 images": (413, "/invocations", {"instances": GOOD["instances"] * 129}, JSON),
    "an image of one long row": (413, "/invocations", {"instances": [[[[1, 2, 3]] * 10_001]]}, JSON),
    "an image of one long column": (413, "/invocations", {"instances": [[[[1, 2, 3]]] * 10_001]}, JSON),
    "no type": (415, "/invocations", b"x", {}),
    "a type that is not taken": (415, "/invocations", b"x", {"Content_Type": "text/csv"}),
    "a compressed body": (415, INFER, b"x", {**JSON, "Content_Encoding": "gzip"}),
    "an image that the model fails on": (500, "/invocations", {"instances": [[[[255, 0, 0]]]]}, JSON),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_as_described(described: Description, case: str) -> None:
    status, path, body, headers = REFUSED[case]
    assert described.ask("POST", path, body, **headers).status == status


def test_a_body_that_comes_too_slowly_is_refused_as_described(described: Description) -> None:
    host, port = described.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        answer = HTTPResponse(connection)
        answer.begin()
        told = urllib3.HTTPResponse(answer.read(), dict(answer.headers), answer.status)
    assert told.status == 408
    described.promised("POST", "/invocations", told)


def test_a_full_server_and_one_that_stops_answer_as_described(server: Any, as_npy: Any) -> None:
    with server("--seconds", "0.1", "--drain-delay", "3") as (url, process):
        described = Description(url)
        images = as_npy(np.full((128, 2, 2, 3), 33, np.uint8))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: described.ask("POST", "/invocations", images, **NPY), range(8)))
        assert {answer.status for answer in found} == {200, 503}
        process.terminate()
        end = time.monotonic() + 5
        while described.ask("GET", "/ping").status == 200 and time.monotonic() < end:
            time.sleep(0.02)
        for path in ("/ping", "/v2/health/ready", "/v2/models/trivial/ready"):
            assert described.ask("GET", path).status == 503


@pytest.mark.parametrize(
    ("accept", "status"), [("application/json", 200), ("text/*, */*;q=0.1", 200), ("text/html", 406), ("x", 400)]
)
def test_the_document_is_json_for_whoever_takes_it(described: Description, accept: str, status: int) -> None:
    assert described.ask("GET", "/openapi.json", Accept=accept).status == status


def test_the_program_prints_what_the_server_would_answer(handler_archive: Path, tmp_path: Path) -> None:
    unpack(handler_archive, tmp_path / "model")
    given = ["--model", str(tmp_path / "model"), "--allow-code", "--name", "signs", "--max-body", "3"]
    command = [sys.executable, "-m", "components.serve", "openapi", *given]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    model = load(tmp_path / "model", Settings(allow_code=True))
    assert json.loads(found.stdout) == openapi.describe(model, "signs", Limits(body_bytes=3 << 20))
    assert "At most 3 MiB" in found.stdout


def test_a_model_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "components.serve", "openapi", "--model", str(tmp_path / "none")]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)
    assert (found.returncode, found.stdout, len(found.stderr.splitlines())) == (1, "", 1)
