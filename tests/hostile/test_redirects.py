"""Wherever the house is told to go by another server, it does not: a redirect is an answer, and a refused one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.errors import EndpointError, StorageError
from components.serve.client import Client
from components.storage import place
from tests.monitor.records import answer, check, line, make_baseline, put, traffic

INSIDE = "/latest/meta-data/iam"


class Redirecting:
    """A server that sends everyone on to an address of its own that nobody may ask for."""

    def __init__(self, status: int) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                server.asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:{server.port}{INSIDE}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture(params=[301, 302, 303, 307, 308])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Redirecting]:
    found = Redirecting(request.param)
    thread = threading.Thread(target=found.http.serve_forever)
    thread.start()
    yield found
    found.http.shutdown()
    thread.join()
    found.http.server_close()


def test_an_endpoint_that_redirects_is_no_endpoint(elsewhere: Redirecting) -> None:
    with Client(elsewhere.url, retries=1, timeout=5) as client:
        with pytest.raises(EndpointError):
            client.invoke(b"x", "image/png")
        assert not client.ready()
        assert client.digest() == ""
    assert INSIDE not in elsewhere.asked


def test_a_gateway_that_redirects_is_told_and_not_followed(tmp_path: Path) -> None:
    found = Redirecting(307)
    thread = threading.Thread(target=found.http.serve_forever)
    thread.start()
    try:
        put(tmp_path / "base", traffic(1, 60))
        baseline = make_baseline(tmp_path, tmp_path / "base")
        put(tmp_path / "place", [line(f"e{i}", answer(1)) for i in range(30)])
        done = check(tmp_path, tmp_path / "place", baseline, "--gateway", found.url)
    finally:
        found.http.shutdown()
        thread.join()
        found.http.server_close()
    assert done.returncode == 0
    assert "gateway: expected" in done.stderr
    assert INSIDE not in found.asked


def test_a_store_that_redirects_gives_no_bytes_of_where_it_leads(
    elsewhere: Redirecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"AWS_ENDPOINT_URL_S3": elsewhere.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in {**settings, "AWS_REGION": "us-east-1", "ROADWORTHY_S3_TIMEOUT": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError):
        place("s3://bucket/key").read_bytes()
