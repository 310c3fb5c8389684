"""Which events the capture sink takes, what it makes of their attributes and types, and that the monitor reads them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.capture import payloads
from tests.monitor.records import check, make_baseline, verdicts
from tests.serve.conftest import encoded
from tests.serve.kserve_logger import (
    binary,
    captured,
    ended,
    event,
    post,
    refused,
    send,
    sinking,
    structured,
)


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sink that many tests share; each has ids of its own."""
    root = tmp_path_factory.mktemp("sink")
    with sinking(root / "place", "--spool", root / "spool") as (url, _):
        yield url


def test_structured_events_are_the_same_events(tmp_path: Path) -> None:
    picture = encoded(33)
    with sinking(tmp_path / "place", "--spool", tmp_path / "spool") as (url, process):
        sent = event("request", 1, picture, datacontenttype="image/png")
        assert "data_base64" in json.loads(structured(sent)[1])
        first = post(url, structured(sent))
        second = post(url, binary(event("response", 1)))
        text = post(url, structured(event("request", 2, "1,2,3", datacontenttype="text/csv")))
        document = post(url, structured(event("response", 2, {"predictions": [[14]]})))
        assert [answer.json()["outcome"] for answer in (first, second)] == ["waiting", "paired"]
        assert [answer.json()["outcome"] for answer in (text, document)] == ["waiting", "paired"]
        ended(process)
    found = captured(tmp_path / "place")
    assert (found["call-1"].request, found["call-1"].request_type) == (picture, "image/png")
    assert (found["call-2"].request, found["call-2"].request_type) == (b"1,2,3", "text/csv")
    assert json.loads(found["call-2"].response or b"") == {"predictions": [[14]]}


def test_halves_of_different_exchanges_never_meet(sink: str) -> None:
    told = {"component": "transformer", "namespace": "others", "source": "pod-2", "endpoint": "canary"}
    assert send(sink, "request", "mixed") == "waiting"
    ids = set()
    for name, value in told.items():
        answer = post(sink, binary(event("response", "mixed", **{name: value})))
        assert answer.json()["outcome"] == "waiting"
        ids.add(answer.json()["event_id"])
    assert len(ids) == len(told)
    assert send(sink, "response", "mixed") == "paired"


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"type": "org.example.other"}, "ce-type"),
        ({"id": "x" * 65}, "inference id"),
    ],
)
def test_events_that_are_not_the_loggers_are_refused(sink: str, attributes: dict[str, str], text: str) -> None:
    for form in (binary, structured):
        refused(post(sink, form(event("request", "wrong", **attributes))), 400, text)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"ce-specversion": "0.3"}, "ce-specversion"),
        ({"ce-specversion": None}, "ce-specversion"),
        ({"ce-type": None}, "ce-type"),
        ({"ce-id": None}, "ce-id"),
        ({"ce-source": None}, "ce-source"),
        ({"ce-time": "yesterday"}, "ce-time"),
    ],
)
def test_headers_that_make_no_event_are_refused(sink: str, changed: dict[str, str | None], text: str) -> None:
    headers, body = binary(event("request", "wrong"))
    given = {**{name.lower(): value for name, value in headers.items()}, **changed}
    refused(post(sink, ({name: value for name, value in given.items() if value is not None}, body)), 400, text)


def test_a_callers_odd_content_type_is_no_reason_to_lose_its_event(sink: str) -> None:
    for number, odd in enumerate(["nonsense", "x" * 600, None]):
        assert send(sink, "request", f"odd-{number}", b"", datacontenttype=odd) == "waiting"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/cloudevents+json", b"no json", 400),
        ("application/cloudevents+json", b"[]", 400),
        ("application/cloudevents+json", b'{"specversion": 1.0}', 400),
        ("application/cloudevents+json", b'{"specversion": "1.0", "type": ["x"]}', 400),
        ("application/cloudevents+avro", b"", 415),
        ("application/cloudevents-batch+json", b"[]", 415),
    ],
)
def test_bodies_that_are_no_event_are_refused(sink: str, content_type: str, body: bytes, status: int) -> None:
    refused(post(sink, ({"Content-Type": content_type}, body)), status, "")


@pytest.mark.parametrize("fields", [{"data_base64": "%%%"}, {"data_base64": 3}, {"data_base64": "", "data": 1}])
def test_structured_data_that_cannot_be_is_refused(sink: str, fields: dict[str, Any]) -> None:
    headers, body = structured(event("request", "wrong", None))
    refused(post(sink, (headers, json.dumps({**json.loads(body), **fields}).encode())), 400, "data_base64")


def test_what_kserve_passes_on_names_the_record_and_sizes_the_tensors(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 200, (2, 5, 6, 3), np.uint8)
    tensor = {"name": "images", "datatype": "UINT8", "shape": [2, 5, 6, 3]}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": images.nbytes}}]}).encode()
    answered = json.dumps({"outputs": [{"name": "class", "parameters": {"binary_data_size": 16}}]}).encode()
    octets = {"datacontenttype": "application/octet-stream"}
    passed = json.dumps(
        {"Inference-Header-Content-Length": [str(len(head))], "X-Amzn-Sagemaker-Inference-Id": ["mine"]}
    )
    with sinking(tmp_path / "place", "--spool", tmp_path / "spool") as (url, process):
        for number, extra in enumerate(({"metadata": passed}, {"metadata": "{}"}, {})):
            body = head + images.tobytes()
            send(url, "request", number, body, **octets, **extra)
            assert send(url, "response", number, answered + bytes(16), **octets, **extra) == "paired"
        # Go's SDK sends JSON in a header as it is, without the percent-encoding that the binding asks for.
        for kind, body in (("request", head + images.tobytes()), ("response", answered + bytes(16))):
            raw = binary(event(kind, "raw", body, **octets))
            post(url, raw, **{"ce-metadata": passed.replace("mine", "raw")})
        ended(process)
    found = captured(tmp_path / "place")
    assert set(found) == {"mine", "call-1", "call-2", "raw"}
    for one in found.values():
        assert one.request_type == f"application/octet-stream; inference-header-content-length={len(head)}"
        assert one.response_type == f"application/octet-stream; inference-header-content-length={len(answered)}"
        assert np.array_equal(np.stack(payloads.images(one.request or b"", one.request_type)), images)


@pytest.mark.slow
def test_open_inference_requests_can_be_read_and_monitored(tmp_path: Path) -> None:
    for part, classes in (("usual", range(43)), ("attacked", [14])):
        with sinking(tmp_path / part, "--spool", tmp_path / "spool") as (url, process):
            for number in range(86):
                index = list(classes)[number % len(classes)]
                files = [base64.b64encode(encoded(6 * (number % 43) + 3)).decode()]
                asked = {"inputs": [{"name": "images", "datatype": "BYTES", "shape": [1], "data": files}]}
                scores = [0.9 if one == index else 0.1 / 42 for one in range(43)]
                told = {
                    "outputs": [
                        {"name": "probabilities", "datatype": "FP32", "shape": [1, 43], "data": scores},
                        {"name": "class", "datatype": "INT64", "shape": [1], "data": [index]},
                    ]
                }
                send(url, "request", number, json.dumps(asked).encode())
                send(url, "response", number, json.dumps(told).encode())
            ended(process)
    baseline = make_baseline(tmp_path, tmp_path / "usual")
    for part, verdict in (("usual", "ok"), ("attacked", "violated")):
        (tmp_path / "out" / part).mkdir(parents=True)
        done = check(tmp_path / "out" / part, tmp_path / part, baseline)
        assert done.returncode == 0, done.stderr
        rule = verdicts(tmp_path / "out" / part)["over_predicted_class"]
        assert (rule["verdict"], rule["sample_size"]) == (verdict, 86)


def test_events_with_a_clock_that_cannot_be_right_are_recorded_as_of_now(tmp_path: Path) -> None:
    with sinking(tmp_path / "place", "--spool", tmp_path / "spool") as (url, process):
        for number, told in enumerate(["1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]):
            for kind in ("request", "response"):
                headers, body = binary(event(kind, number))
                post(url, ({**headers, "ce-time": told}, body))
        ended(process)
    assert [abs(one.time - time.time()) < 60 for one in captured(tmp_path / "place").values()] == [True, True]
