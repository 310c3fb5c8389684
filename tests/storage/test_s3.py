"""What holds for buckets only, on a real server."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from components.errors import StorageError
from components.storage import place
from tests.storage.s3_server import SECRET, hanging


def test_a_store_that_never_answers_is_an_error(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADWORTHY_S3_TIMEOUT", "1")
    with hanging() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        began = time.monotonic()
        with pytest.raises(StorageError, match=r"reading s3://signs/.*Timeout"):
            place(bucket).child("a").read_bytes()
        assert time.monotonic() - began < 15


@pytest.mark.slow
def test_an_upload_to_a_store_that_never_answers_is_an_error(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADWORTHY_S3_TIMEOUT", "0.5")
    with hanging() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with pytest.raises(StorageError, match=r"writing s3://signs/.*Timeout"):
            place(bucket).child("a").write_bytes(b"x")


def test_a_store_that_is_not_there_is_an_error(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(StorageError, match="listing"):
            place(bucket).entries()


def test_a_wrong_secret_is_an_error_that_shows_no_secret(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "another-secret-that-must-not-be-shown"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", wrong)
    for doing in (place(bucket).child("a").read_bytes, place(bucket).entries, lambda: place(bucket).write_bytes(b"")):
        with pytest.raises(StorageError) as raised:
            doing()
        assert wrong not in str(raised.value)
        assert SECRET not in str(raised.value)


def test_a_missing_bucket_is_an_error_even_where_a_missing_folder_is_none(bucket: str) -> None:
    assert place(bucket).entries() == []
    for doing in (place("s3://no-such-bucket/a").entries, lambda: place("s3://no-such-bucket/a").write_bytes(b"")):
        with pytest.raises(StorageError, match="no-such-bucket"):
            doing()


@pytest.mark.parametrize("url", ["ftp://host", "host:9000", "http://user:password@host", "http://host/path", "http://"])
def test_an_endpoint_that_cannot_be_is_refused_unshown(bucket: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL_S3") as raised:
        place(bucket).exists()
    assert "password" not in str(raised.value)


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_a_timeout_that_is_none_is_refused(bucket: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADWORTHY_S3_TIMEOUT", text)
    with pytest.raises(StorageError, match="ROADWORTHY_S3_TIMEOUT"):
        place(bucket).exists()


def test_a_gzip_file_comes_back_as_it_went(bucket: str) -> None:
    place(bucket).child("a.gz").write_bytes(b"\x1f\x8bnot really")
    assert place(bucket).child("a.gz").read_bytes() == b"\x1f\x8bnot really"


@pytest.mark.parametrize("after", [4_000_000, 13_000_000, 29_000_000])
def test_an_upload_that_is_cut_leaves_no_object(
    bucket: str, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(30_000_000))
    direct = os.environ["AWS_ENDPOINT_URL_S3"]
    monkeypatch.setenv("ROADWORTHY_S3_TIMEOUT", "1")
    with _Cutting(direct, after) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with pytest.raises(StorageError, match="writing"):
            place(bucket).child("big").put_file(source, move=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", direct)
    assert not place(bucket).child("big").exists()
    assert source.exists()


class _Cutting:
    """A proxy that lets so many bytes of requests through, all connections together, then cuts every connection."""

    def __init__(self, target: str, after: int) -> None:
        host, port = target.removeprefix("http://").split(":")
        self.target, self.left = (host, int(port)), after
        self.listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._accept, daemon=True).start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as server:
            threading.Thread(target=_pour, args=(server, client), daemon=True).start()
            with suppress(OSError):
                while (data := client.recv(1 << 16)) and self.left > 0:
                    self.left -= len(data)
                    server.sendall(data)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
