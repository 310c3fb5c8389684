"""Connections that are kept: for how long, for whom, and that their requests leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from typing import Any

import pytest

from components.serve import transport
from components.serve.app import Server
from tests.serve.trivial import Trivial, loaded


def request(body: bytes, *lines: str, version: str = "1.1") -> bytes:
    head = [f"POST /invocations HTTP/{version}", "Host: x", "Content-Type: image/png", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


def answer(connection: socket.socket) -> bytes:
    """Returns one whole answer, head and body."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += received(connection)
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += received(connection)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(body) == length
    return head


def received(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    assert part
    return part


def connected(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 10)


def test_a_connection_is_kept_while_it_is_used_and_closed_when_it_no_longer_is(server: Any, picture: Any) -> None:
    with server("--idle-seconds", "0.6") as (url, _), connected(url) as connection:
        for _ in range(4):  # twice the time in all
            connection.sendall(request(picture(33)))
            answer(connection)
            time.sleep(0.3)
        connection.sendall(request(picture(33)))
        answer(connection)
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert 0.5 < time.monotonic() - began < 2.0


def test_an_answer_that_takes_longer_than_a_connection_may_idle_arrives(server: Any, picture: Any) -> None:
    with server("--seconds", "1.0", "--idle-seconds", "0.3") as (url, _), connected(url) as connection:
        for _ in range(2):
            connection.sendall(request(picture(33)))
            answer(connection)
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(("version", "lines"), [("1.1", ["Connection: close"]), ("1.0", [])])
def test_a_client_that_wants_its_connection_closed_is_told_so(
    running: str, picture: Any, version: str, lines: list[str]
) -> None:
    with connected(running) as connection:
        connection.sendall(request(picture(33), *lines, version=version))
        assert b"\r\nconnection: close" in answer(connection)
        assert connection.recv(1) == b""


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_body_that_comes_after_its_head_gives_the_same_answer(running: str, picture: Any, cut: int) -> None:
    whole = request(picture(33))
    at = whole.index(b"\r\n\r\n") + 4 + cut
    with connected(running) as connection:
        connection.sendall(whole)
        at_once = answer(connection)
        connection.sendall(whole[:at])
        time.sleep(0.2)
        connection.sendall(whole[at:])
        in_parts = answer(connection)
    names = [[line.partition(b":")[0] for line in head.split(b"\r\n")] for head in (at_once, in_parts)]
    assert names[0] == names[1]


def test_requests_leave_nothing_for_the_garbage_collector(picture: Any) -> None:
    """It looks at everything that lives, and while it does, nobody is answered."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    served = Server(loaded(Trivial(0.0)), "trivial")
    config = transport.configuration(served, *listening.getsockname(), "warning")
    running = transport.DrainingServer(config, served, 0.0)

    def ask(count: int) -> None:
        with connected("http://{}:{}".format(*listening.getsockname())) as connection:
            for _ in range(count):
                connection.sendall(request(picture(33)))
                answer(connection)

    async def found() -> int:
        task = asyncio.create_task(running.serve(sockets=[listening]))
        while not running.started:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(ask, 20)
        gc.collect()
        gc.disable()
        try:
            await asyncio.to_thread(ask, 300)
            return gc.collect()
        finally:
            gc.enable()
            running.should_exit = True
            await task

    assert asyncio.run(found()) < 300
