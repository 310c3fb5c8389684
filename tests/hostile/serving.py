"""Real servers over the trivial model of ``tests/serve``, each a process of its own, and what can be seen of them."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "serve" / "trivial.py"
HTTP = urllib3.PoolManager(retries=False, maxsize=64)


class Running:
    """A server that runs: its address, its process, and its counters."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port, self.process, self.log = port, process, log
        self.url = f"http://127.0.0.1:{port}"

    def connect(self, seconds: float = 20.0) -> socket.socket:
        """Returns a connection."""
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def post(self, body: bytes, content_type: str, path: str = "/invocations", **headers: str) -> Any:
        """Sends one request, and returns urllib3's response."""
        given = {"Content-Type": content_type, **headers}
        return HTTP.request("POST", self.url + path, body=body, headers=given, timeout=60)

    def metrics(self) -> dict[str, float]:
        """Returns the server's counters and gauges by name and labels."""
        page = HTTP.request("GET", self.url + "/metrics", timeout=20).data.decode()
        rows = [line.rsplit(" ", 1) for line in page.splitlines() if line and line[0] != "#"]
        return {name.replace('model_name="trivial"', ""): float(value) for name, value in rows}

    def count(self, name: str) -> float:
        """Returns the sum of a counter over its labels."""
        return sum(value for key, value in self.metrics().items() if key.partition("{")[0] == name)

    def megabytes(self, what: str = "VmHWM") -> float:
        """Returns the largest resident set since the start, or another figure of /proc."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) / 1024
        raise LookupError(f"expected {what} in /proc, found none")

    def healthy(self, picture: bytes) -> None:
        """Checks that a plain request is answered as ever, and that the log holds no traceback."""
        answer = self.post(picture, "image/png")
        assert answer.status == 200
        assert b"predictions" in answer.data
        assert "Traceback" not in self.log.read_text(errors="replace")


@contextmanager
def serving(
    folder: Path,
    *arguments: str,
    limits: Mapping[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = (str(PROGRAM),),
) -> Iterator[Running]:
    """Yields a server; it is killed in the end if it has not stopped.

    Args:
        folder: Its log goes there.
        arguments: Of ``tests/serve/trivial.py``.
        limits: Soft limits of the process by their numbers in ``resource``, set as soon as it runs.
        environment: On top of this process's.
        program: What Python runs in place of that file.
    """
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    port, log = listening.getsockname()[1], folder / f"server-{time.monotonic_ns()}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, *program, "--socket", str(listening.fileno()), *arguments],
            pass_fds=[listening.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stderr=errors,
            cwd=ROOT,
        )
    for number, limit in (limits or {}).items():
        resource.prlimit(process.pid, number, (limit, resource.prlimit(process.pid, number)[1]))
    listening.close()
    found = Running(port, process, log)
    try:
        # The socket listens already; the first answer comes when the server has started.
        answer = HTTP.request("GET", found.url + "/ping", timeout=60)
        assert json.loads(answer.data)["ready"]
        yield found
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
