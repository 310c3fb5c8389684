"""A load generator: a number of connections, each with one request at work at any time; prints what it saw as JSON.

Closed loop, like wrk's: a slow server is asked more slowly. On one core it reaches several times what the
servers measured with it do, so it is they that are measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvloop


class Connection(asyncio.Protocol):
    """Sends the request again whenever its answer is whole."""

    def __init__(self, request: bytes, load: Load) -> None:
        self.request = request
        self.load = load
        self.buffer = b""
        self.wanted = -1
        self.sent = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.buffer = b""
        self.wanted = -1
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.wanted < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            if at < 0:
                raise SystemExit(f"expected a Content-Length, found {head!r}")
            self.wanted = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) >= self.wanted:
            self.load.answered(time.perf_counter(), self.sent, self.buffer[9:12])
            if self.load.running:
                self.send()
            else:
                self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.load.running:
            self.load.lost += 1
            self.load.reconnect()


class Load:
    def __init__(self, host: str, port: int, request: bytes) -> None:
        self.host, self.port, self.request = host, port, request
        self.running = True
        self.lost = self.other = 0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.times: list[float] = []
        self.seconds: list[float] = []

    def answered(self, now: float, sent: float, status: bytes) -> None:
        self.times.append(now)
        self.seconds.append(now - sent)
        if status != b"200":
            self.other += 1

    def reconnect(self) -> None:
        task = asyncio.get_running_loop().create_task(self.connect())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        while self.running:
            try:
                await loop.create_connection(lambda: Connection(self.request, self), self.host, self.port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return

    async def run(self, connections: int, warm_up: float, seconds: float) -> dict[str, float]:
        async with asyncio.timeout(10):  # a server that was never there must not be waited for in vain
            for _ in range(connections):
                await self.connect()
        await asyncio.sleep(warm_up)
        begin, lost, other = time.perf_counter(), self.lost, self.other
        await asyncio.sleep(seconds)
        end = time.perf_counter()
        self.running = False
        times = np.array(self.times)
        found = np.array(self.seconds)[(times >= begin) & (times < end)]
        p50, p99 = np.percentile(found, [50, 99]) if len(found) else (float("nan"), float("nan"))
        return {
            "connections": connections,
            "requests": len(found),
            "rate": len(found) / (end - begin),
            "p50_ms": float(p50) * 1000,
            "p99_ms": float(p99) * 1000,
            "not_200": self.other - other,
            "lost": self.lost - lost,
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/invocations")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--content-type", required=True)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--warm-up", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--each", type=Path, help="an .npy file for each answer's time and what it took, in seconds")
    args = parser.parse_args()
    body = args.body.read_bytes()
    head = (
        f"POST {args.path} HTTP/1.1\r\nHost: {args.host}:{args.port}\r\nContent-Type: {args.content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    load = Load(args.host, args.port, head.encode() + body)
    print(json.dumps(uvloop.run(load.run(args.connections, args.warm_up, args.seconds))))
    if args.each:
        np.save(args.each, np.column_stack([load.times, load.seconds]))


if __name__ == "__main__":
    main()
