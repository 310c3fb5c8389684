"""Ten minutes at 80 % of what the server can do: every answer right, and memory flat.

First the server over the trivial model is asked by 16 connections as fast as it answers, which is its capacity. Then so
many requests a second are sent as 80 % of it is, each at its time whether or not the earlier ones are answered, with
capture switched on. Memory of the server and of its writer is read each second; its growth from the first third to the
last may be 5 % and 20 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]

import hostile_pictures as pictures  # noqa: E402
from serving import Running, serving  # noqa: E402

BODY = pictures.plain()
REQUEST = (
    b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
)
CONNECTIONS = 16


class Crowd:
    """Connections that are asked in turn; ``late`` are answers after more than a second, ``wrong`` others than 200."""

    def __init__(self, port: int) -> None:
        self.port, self.answered, self.late, self.wrong = port, 0, 0, 0
        self.waiting: asyncio.Queue[float] = asyncio.Queue()

    async def one(self, until: float, paced: bool) -> None:
        """Asks on one connection, as fast as it is answered or at the times that are waiting."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while time.monotonic() < until:
            due = await self.waiting.get() if paced else time.monotonic()
            if due == float("inf"):
                break
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
            self.answered += 1
            self.wrong += not head.startswith(b"HTTP/1.1 200")
            self.late += time.monotonic() - due > 1.0
        writer.close()

    async def run(self, seconds: float, rate: float = 0.0) -> float:
        """Returns the answers a second; with a rate, requests come at it."""
        self.answered = self.late = self.wrong = 0
        started = time.monotonic()
        until = started + seconds + (30 if rate else 0)
        tasks = [asyncio.create_task(self.one(until, bool(rate))) for _ in range(CONNECTIONS)]
        if rate:
            for number in range(int(seconds * rate)):
                due = started + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self.waiting.put_nowait(due)
            for _ in tasks:
                self.waiting.put_nowait(float("inf"))
        await asyncio.gather(*tasks)
        return self.answered / (time.monotonic() - started)


async def watched(server: Running, crowd: Crowd, seconds: float, rate: float) -> list[float]:
    """Sends at a rate and returns the server's resident megabytes, second by second."""
    found: list[float] = []

    async def watch() -> None:
        while True:
            found.append(server.megabytes("VmRSS"))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    await crowd.run(seconds, rate)
    watching.cancel()
    return found


def main() -> int:
    """Soaks; returns 1 where an answer was wrong or memory grew."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0)
    args = parser.parse_args()
    # The writer outlives its server for a while, to bring the last records to their place.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        capture = ("--capture-to", str(folder / "place"), "--spool", str(folder / "spool"))
        with serving(folder, *capture) as server:
            crowd = Crowd(server.port)
            asyncio.run(crowd.run(3))
            capacity = asyncio.run(crowd.run(min(10.0, args.seconds)))
            crowd = Crowd(server.port)
            memory = asyncio.run(watched(server, crowd, args.seconds, 0.8 * capacity))
            dropped = server.count("capture_dropped_total")
    third = max(1, len(memory) // 3)
    first, last = statistics.median(memory[:third]), statistics.median(memory[-third:])
    print(
        f"soak: {crowd.answered} answers in {args.seconds:g} s at 80 % of {capacity:.0f} a second; "
        f"wrong {crowd.wrong}, over a second {crowd.late}, capture drops {dropped:.0f}; "
        f"memory {first:.0f} MB, then {last:.0f} MB"
    )
    return int(crowd.wrong > 0 or last > first * 1.05 + 20)


if __name__ == "__main__":
    sys.exit(main())
