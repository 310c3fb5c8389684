"""Starts a real S3 server for the tests: versitygw, weed or minio; moto's where there is none of them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEARCHED = os.pathsep.join([str(ROOT / ".venvs/tools/bin"), os.environ.get("PATH", "")])
ACCESS, SECRET = "roadworthy-tests", "a-secret-that-must-not-be-shown"


def command(port: int, folder: Path) -> list[str]:
    """The first server that is there; skips the test if none is."""
    address = f"127.0.0.1:{port}"
    if found := shutil.which("versitygw", path=SEARCHED):
        return [found, "--port", address, "--access", ACCESS, "--secret", SECRET, "--quiet", "posix", str(folder)]
    if found := shutil.which("minio", path=SEARCHED):
        return [found, "server", "--address", address, str(folder)]
    if found := shutil.which("weed", path=SEARCHED):
        return [found, "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", f"-s3.port={port}"]
    if found := shutil.which("moto_server", path=f"{ROOT / '.venvs/moto/bin'}{os.pathsep}{SEARCHED}"):
        return [found, "-H", "127.0.0.1", "-p", str(port)]
    pytest.skip("no S3 server: expected versitygw, weed, minio or moto_server on PATH or in .venvs/tools/bin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Yields the environment in which ``components.storage`` finds the server; it holds the bucket ``signs``."""
    port = free_port()
    settings = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    names = {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET}
    with (folder / "server.log").open("wb") as log:
        (folder / "data").mkdir()
        process = subprocess.Popen(
            command(port, folder / "data"), env={**os.environ, **settings, **names}, stdout=log, stderr=log
        )
        try:
            _make_bucket(port, process)
            yield settings
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _make_bucket(port: int, process: subprocess.Popen[bytes]) -> None:
    from pyarrow import fs

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            fs.S3FileSystem(
                access_key=ACCESS,
                secret_key=SECRET,
                region="us-east-1",
                scheme="http",
                endpoint_override=f"127.0.0.1:{port}",
                allow_bucket_creation=True,
            ).create_dir("signs")
            return
        time.sleep(0.05)
    sys.exit(f"the S3 server did not start: {process.args}")


@contextmanager
def hanging() -> Iterator[str]:
    """Yields the URL of a server that accepts every connection and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # the kernel accepts; nobody ever reads
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
