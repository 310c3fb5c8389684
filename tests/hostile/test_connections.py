"""A crowd of connections of which three in ten are slow: the others are answered, and the slow ones are let go."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

import hostile_pictures as pictures
import pytest
from effort import CONNECTIONS
from serving import serving

GOOD = pictures.plain()
HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(GOOD)
SLOW = CONNECTIONS / 100  # seconds that the server gives a head, and a body; the crowd itself takes some to come
ROUNDS = 3


@pytest.fixture(autouse=True)
def _enough_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * CONNECTIONS + 256
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


async def quick(port: int, seconds: list[float]) -> int:
    """Asks several times on one connection, and again where the queue is full; returns how often it got 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        while (head := await exchanged(reader, writer)).startswith(b"HTTP/1.1 503"):
            await asyncio.sleep(float(field(head, b"retry-after")))
        seconds.append(time.perf_counter() - started)
        answered += head.startswith(b"HTTP/1.1 200")
    writer.close()
    return answered


async def exchanged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Sends a request; returns the head of its answer."""
    writer.write(HEAD + GOOD)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(field(head, b"content-length")))
    return head


def field(head: bytes, name: bytes) -> bytes:
    return head.lower().partition(name + b":")[2].split(b"\r\n")[0].strip()


async def slow(port: int, number: int) -> bytes:
    """Sends a byte of a head or of a body now and then; returns what the server says in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    content = HEAD if number % 2 else HEAD + GOOD
    sent = 20 if number % 2 else len(HEAD) + 1
    writer.write(content[:sent])
    try:
        while not reader.at_eof():
            try:
                async with asyncio.timeout(0.5):
                    return await reader.read(4096)
            except TimeoutError:
                writer.write(content[sent : sent + 1])
                sent += 1
    except OSError:
        pass
    finally:
        writer.close()
    return b""


async def crowd(port: int) -> tuple[list[int], list[bytes], list[float]]:
    seconds: list[float] = []
    slow_ones = [asyncio.create_task(slow(port, n)) for n in range(CONNECTIONS * 3 // 10)]
    await asyncio.sleep(0.3)
    answered = await asyncio.gather(*(quick(port, seconds) for _ in range(CONNECTIONS * 7 // 10)))
    return [*answered], [*await asyncio.gather(*slow_ones)], seconds


def test_the_quick_are_answered_and_the_slow_are_told_so_and_let_go(tmp_path: Path) -> None:
    limits = {resource.RLIMIT_NOFILE: resource.getrlimit(resource.RLIMIT_NOFILE)[0]}
    options = ("--header-seconds", str(SLOW), "--body-seconds", str(SLOW))
    with serving(tmp_path, *options, limits=limits) as server:
        before, started = server.megabytes("VmRSS"), time.monotonic()
        answered, told, seconds = asyncio.run(crowd(server.port))
        assert answered == [ROUNDS] * len(answered)
        assert {one.split(b" ")[1] for one in told if one} == {b"408"}
        assert sum(not one for one in told) <= len(told) // 10
        assert time.monotonic() - started < 60
        assert sorted(seconds)[len(seconds) * 99 // 100] < 20
        assert server.megabytes() < before + 150
        server.healthy(GOOD)
        assert server.count("queue_bytes") == server.count("queue_images") == 0
