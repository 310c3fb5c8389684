"""What a server refuses while it goes on serving the others: sizes, slowness, and too many at once."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from components.serve.limits import MEBIBYTE, Limits

HTTP = urllib3.PoolManager(retries=False, maxsize=64)


@pytest.fixture
def connect(running: str) -> Any:
    def connect() -> socket.socket:
        host, port = running.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), 10)

    return connect


def everything(connection: socket.socket) -> bytes:
    """Returns all that comes until the server closes."""
    connection.settimeout(10)
    parts = []
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def head(*lines: str, path: str = "/invocations") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def message(answer: bytes) -> str:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def healthy(running: str, picture: Any) -> None:
    answer = HTTP.request(
        "POST", running + "/invocations", body=picture(33), headers={"Content-Type": "image/png"}, timeout=5
    )
    assert answer.status == 200


def test_a_declared_body_over_the_limit_is_refused_unread(connect: Any) -> None:
    with connect() as connection:
        connection.sendall(head("Content-Type: image/png", "Content-Length: 99999999999"))
        answer = everything(connection)
    assert status(answer) == 413
    assert "at most 16777216 bytes, found 99999999999" in message(answer)


def test_a_client_that_waits_for_100_continue_is_spared_the_sending(connect: Any) -> None:
    with connect() as connection:
        connection.sendall(head("Expect: 100-continue", "Content-Length: 99999999"))
        assert status(connection.recv(65536)) == 413


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_refused_however_it_comes(running: str, chunked: bool) -> None:
    total = Limits().body_bytes + MEBIBYTE
    body: Any = (b"x" * MEBIBYTE for _ in range(total // MEBIBYTE)) if chunked else b"x" * total
    answer = HTTP.request(
        "POST", running + "/invocations", body=body, headers={"Content-Type": "image/png"}, timeout=20
    )
    assert answer.status == 413
    assert "at most" in json.loads(answer.data)["error"]


def test_a_chunked_body_within_the_limit_is_answered(running: str, picture: Any) -> None:
    data = picture(33)
    chunks = (data[i : i + 7] for i in range(0, len(data), 7))
    answer = HTTP.request("POST", running + "/invocations", body=chunks, headers={"Content-Type": "image/png"})
    assert answer.status == 200


def test_a_body_that_comes_too_slowly_is_given_up(connect: Any, running: str, picture: Any) -> None:
    with connect() as connection:
        connection.sendall(head("Content-Type: image/png", "Content-Length: 1000") + b"x")
        started = time.monotonic()
        healthy(running, picture)
        answer = everything(connection)
        assert 1.0 < time.monotonic() - started < 6
    assert status(answer) == 408
    assert "found 1 bytes of it" in message(answer)


def test_a_head_that_comes_too_slowly_is_given_up(connect: Any, running: str, picture: Any) -> None:
    with connect() as slow, connect() as silent:
        slow.sendall(b"POST /invocations HTTP/1.1\r\nX-Slow: ")
        healthy(running, picture)
        assert status(everything(slow)) == 408
        assert everything(silent) == b""


def test_a_head_without_end_is_given_up(connect: Any) -> None:
    with connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\n")
        try:
            for number in range(2000):
                connection.sendall(f"X-{number}: {'y' * 100}\r\n".encode())
        except OSError:
            pass
        answer = everything(connection)
    assert answer == b"" or status(answer) == 431


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELO\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /invocations HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /invocations HTTP/1.1\r\nX-Amzn-SageMaker-Inference-Id: a\x00b\r\nContent-Length: 0\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nX Y: a\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_is_no_clean_http_is_refused(connect: Any, running: str, picture: Any, raw: bytes) -> None:
    with connect() as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        assert status(everything(connection)) == 400
    healthy(running, picture)


def test_pipelined_requests_are_answered_in_order(connect: Any, picture: Any) -> None:
    with connect() as connection:
        for red in (3, 63, 123):
            body = picture(red)
            accept = "Accept: application/json; format=bare"
            connection.sendall(head("Content-Type: image/png", accept, f"Content-Length: {len(body)}") + body)
        connection.settimeout(5)
        found = b""
        while found.count(b"[[") < 3 or not found.endswith(b"]]"):
            found += connection.recv(65536)
    assert [part.split(b"]]")[0] for part in found.split(b"[[")[1:]] == [b"0", b"10", b"20"]


def test_a_client_that_goes_in_the_middle_of_its_body_harms_nobody(connect: Any, running: str, picture: Any) -> None:
    for _ in range(20):
        with connect() as connection:
            connection.sendall(head("Content-Type: image/png", "Content-Length: 1000") + b"x")
    healthy(running, picture)


def metric(running: str, name: str) -> float:
    page = HTTP.request("GET", running + "/metrics").data.decode()
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))


def test_a_full_server_says_503_and_when_to_come_again_and_answers_the_others(server: Any, as_npy: Any) -> None:
    import numpy as np

    with server("--seconds", "0.3") as (url, _):
        body = as_npy(np.full((64, 32, 32, 3), 33, np.uint8))

        def ask(_: int) -> Any:
            return HTTP.request(
                "POST", url + "/invocations", body=body, headers={"Content-Type": "application/x-npy"}, timeout=30
            )

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, range(20)))
        busy = [answer for answer in answers if answer.status == 503]
        assert {answer.status for answer in answers} == {200, 503}
        assert all(answer.headers["Retry-After"] == "1" for answer in busy)
        assert "queue of 512" in json.loads(busy[0].data)["error"]
        assert metric(url, "rejected_total") == len(busy)
        assert metric(url, "queue_images") == metric(url, "queue_bytes") == 0
        assert ask(0).status == 200


def test_the_work_of_clients_that_are_gone_is_dropped(server: Any, picture: Any) -> None:
    with server("--seconds", "0.5") as (url, _):
        host, port = url.removeprefix("http://").split(":")
        body = picture(33)
        whole = head("Content-Type: image/png", f"Content-Length: {len(body)}") + body
        connections = []
        for _ in range(200):
            connection = socket.create_connection((host, int(port)))
            connection.sendall(whole)
            connections.append(connection)
        time.sleep(0.3)
        for connection in connections:
            connection.close()
        # Seven batches of half a second wait; whoever comes now would have to wait for them.
        started = time.monotonic()
        healthy(url, picture)
        assert time.monotonic() - started < 2.0
        assert metric(url, "rejected_total") >= 150


def test_decoding_large_pictures_does_not_stop_the_health_check(server: Any) -> None:
    import io

    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=70)
    with server() as (url, _), ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(
                HTTP.request,
                "POST",
                url + "/invocations",
                body=buffer.getvalue(),
                headers={"Content-Type": "image/jpeg"},
                timeout=60,
            )
            for _ in range(12)
        ]
        slowest = 0.0
        while not all(future.done() for future in asked):
            started = time.perf_counter()
            assert HTTP.request("GET", url + "/ping", timeout=5).status == 200
            slowest = max(slowest, time.perf_counter() - started)
            time.sleep(0.01)
        assert {future.result().status for future in asked} == {200}
        assert slowest < 1.0
