"""HTTP as nobody should write it, at a real server: one status each, in JSON, and the next request is answered."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import hostile_pictures as pictures
import pytest
from serving import Running, serving

GOOD = pictures.plain()
INFER = "/v2/models/trivial/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("server"), "--header-seconds", "2", "--body-seconds", "2") as found:
        yield found


def raw(server: Running, data: bytes) -> bytes:
    """Returns all that comes back for some bytes, up to the end of the connection."""
    with server.connect() as connection:
        with suppress(OSError):  # refused before all of it was sent
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        parts = []
        while True:
            try:
                part = connection.recv(65_536)
            except ConnectionResetError:
                break
            if not part:
                return b"".join(parts)
            parts.append(part)
        return b"".join(parts)


def request(*lines: bytes, body: bytes = b"", path: bytes = b"/invocations") -> bytes:
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"Host: x", *lines, b"", b""]) + body


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "images", "datatype": "UINT8", "shape": [1, 1, 3], "data": [33, 40, 40], **changes}


def inferred(server: Running, document: bytes) -> Any:
    return server.post(document, "application/json", INFER)


def test_minus_zero_is_zero_and_minus_one_and_a_fraction_are_refused(server: Running) -> None:
    for number, status in ((b"-0", 200), (b"-0.0", 400), (b"-1", 400), (b"0.5", 400), (b"1e2", 400), (b"00", 400)):
        document = json.dumps({"inputs": [tensor(data=["?", 40, 40])]}).encode().replace(b'"?"', number)
        assert inferred(server, document).status == status, number
    assert server.post(b'{"instances": [[[[-0, 40, 40]]]]}', "application/json").status == 200


def test_of_a_key_that_is_there_twice_the_last_one_counts_for_everyone(server: Running) -> None:
    """As in every JSON reader of Python: the server that answers, and whoever reads the captured bytes, agree."""
    from components.capture import payloads

    twice = b'{"instances": [[[[0, 0, 0]]]], "instances": [[[[33, 40, 40]]]]}'
    answer = server.post(twice, "application/json")
    assert answer.data == server.post(b'{"instances": [[[[33, 40, 40]]]]}', "application/json").data
    assert payloads.first(twice, "application/json").tolist() == [[[33, 40, 40]]]


@pytest.mark.parametrize(
    "text", [b'"a\\nb"', b'"a\\u0000b"', b'"\\u001b[31m"', b'"\\u202e"', b'""', b'"' + b"x" * 10**6 + b'"']
)
def test_an_id_in_the_body_cannot_write_a_line_of_a_log_or_a_header(server: Running, text: bytes) -> None:
    document = b'{"id": ' + text + b', "inputs": [' + json.dumps(tensor()).encode() + b"]}"
    answer = inferred(server, document)
    if answer.status == 200:  # it is JSON in the body alone, and stays what it was there
        assert json.loads(answer.data)["id"] in (json.loads(text), answer.headers["X-Roadworthy-Event-Id"])
        assert not [value for value in answer.headers.values() if "\x1b" in value or "\n" in value]
    else:
        assert answer.status == 400
        assert len(json.loads(answer.data)["error"]) < 500
    server.healthy(GOOD)


def test_an_id_of_a_megabyte_is_refused_with_the_head(server: Running) -> None:
    found = raw(server, request(b"X-Amzn-SageMaker-Inference-Id: " + b"x" * 10**6, b"Content-Length: 0"))
    assert not found or int(found.split()[1]) == 431
    server.healthy(GOOD)


def test_two_requests_with_one_id_are_two_events(server: Running) -> None:
    ids = {"X-Amzn-SageMaker-Inference-Id": "the-same"}
    first, second = (server.post(GOOD, "image/png", **ids) for _ in range(2))
    assert (
        first.headers["X-Amzn-SageMaker-Inference-Id"] == second.headers["X-Amzn-SageMaker-Inference-Id"] == "the-same"
    )
    assert first.headers["X-Roadworthy-Event-Id"] != second.headers["X-Roadworthy-Event-Id"]


def test_a_form_with_a_file_name_that_leads_elsewhere_is_refused_unread(server: Running) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="../../x"\r\n\r\n' + GOOD + b"\r\n--b--\r\n"
    assert server.post(body, "multipart/form-data; boundary=b").status == 415


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
BOTH_LENGTHS = {
    "length before chunks": (b"Content-Length: %d" % (5 + len(SMUGGLED)), b"Transfer-Encoding: chunked"),
    "chunks before length": (b"Transfer-Encoding: chunked", b"Content-Length: %d" % (5 + len(SMUGGLED))),
    "chunks in another case": (b"Content-Length: %d" % (5 + len(SMUGGLED)), b"Transfer-Encoding: Chunked"),
    "chunks behind a tab": (b"Content-Length: %d" % (5 + len(SMUGGLED)), b"Transfer-Encoding:\tchunked"),
    "identity beside it": (b"Content-Length: 5", b"Transfer-Encoding: identity"),
    "two lengths": (b"Content-Length: 5", b"Content-Length: %d" % (5 + len(SMUGGLED))),
    "a length with a sign": (b"Content-Length: +5",),
    "a length of two numbers": (b"Content-Length: 5, 5",),
    "chunks twice": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "a blank before the colon": (b"Content-Length : 5",),
    "a folded header": (b"X-A: b\r\n Content-Length: 5",),
}


@pytest.mark.parametrize("case", BOTH_LENGTHS)
def test_a_request_inside_another_ones_body_is_never_answered(server: Running, case: str) -> None:
    found = raw(server, request(b"Content-Type: image/png", *BOTH_LENGTHS[case], body=b"0\r\n\r\n" + SMUGGLED))
    assert b"/smuggled" not in found
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", found)) <= 1
    assert not found or found.split()[1] in (b"400", b"411", b"415")
    server.healthy(GOOD)


@pytest.mark.parametrize(
    "body",
    [
        b"ffffffffffffffff\r\n" + b"x" * 64,
        b"7fffffffffffffff\r\n" + b"x" * 64,
        b"-1\r\nx\r\n0\r\n\r\n",
        b"1;" + b"x" * 40_000 + b"\r\nx\r\n0\r\n\r\n",
        b"0\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
    ],
    ids=["2^64", "2^63", "negative", "a long extension", "20,000 trailers"],
)
def test_chunks_that_lie_are_refused_and_take_no_memory(server: Running, body: bytes) -> None:
    before = server.megabytes("VmRSS")
    found = raw(server, request(b"Content-Type: image/png", b"Transfer-Encoding: chunked", body=body))
    assert not found or found.split()[1] in (b"400", b"408", b"413", b"431")
    assert server.megabytes("VmRSS") < before + 40
    server.healthy(GOOD)


@pytest.mark.parametrize(
    "name", [b"..", b"%2e%2e", b"a/b", b"%2fetc%2fpasswd", b"\xf0\x9f\x9a\x97", b"a" * 10_000, b"%00"]
)
def test_a_models_name_leads_nowhere(server: Running, name: bytes) -> None:
    found = raw(server, request(b"Content-Length: 2", body=b"{}", path=b"/v2/models/" + name + b"/infer"))
    assert found.split()[1] in (b"400", b"404", b"405", b"307")
    assert len(found) < 2000


def test_no_way_of_writing_a_header_adds_one_to_the_answer(server: Running) -> None:
    for value in (
        b"a\rSet-Cookie: b",
        b"a\x0bSet-Cookie: b",
        "a\u560d\u560aSet-Cookie: b".encode(),
        b"a%0d%0aSet-Cookie: b",
    ):
        found = raw(server, request(b"X-Amzn-SageMaker-Inference-Id: " + value, b"Content-Length: 0"))
        assert b"\nset-cookie" not in found.lower()
    server.healthy(GOOD)
