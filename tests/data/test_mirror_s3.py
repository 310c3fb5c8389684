"""GTSRB from a bucket of a real S3 server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.data import gtsrb
from components.data.dataset import verify
from tests.data import gtsrb_copy as copy

TOOLS = Path(__file__).resolve().parents[2] / ".venvs" / "tools" / "bin"
SERVER = shutil.which("versitygw", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("expected the S3 server to listen within 10 s, found none")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are the objects of ``s3://mirror``."""
    if SERVER is None:
        pytest.skip("expected the S3 server versitygw, found none")
    (tmp_path / "s3" / "mirror").mkdir(parents=True)
    port = free_port()
    keys = {"ROOT_ACCESS_KEY": "access", "ROOT_SECRET_KEY": "secretsecret"}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["ROOT_ACCESS_KEY"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["ROOT_SECRET_KEY"])
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    command = [SERVER, "--port", f"127.0.0.1:{port}", "posix", str(tmp_path / "s3")]
    with subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            yield tmp_path / "s3" / "mirror"
        finally:
            server.terminate()


def test_a_bucket_gives_what_a_folder_gives(bucket: Path, tmp_path: Path) -> None:
    copy.official_folders(bucket / "folders")
    copy.official_zips(bucket / "zips")
    gtsrb.convert(str(bucket / "folders"), tmp_path / "local")
    for name in ("folders", "zips"):
        gtsrb.convert(f"s3://mirror/{name}", tmp_path / name)
        dataset = verify(tmp_path / name)
        assert dataset.source == f"s3://mirror/{name}"
        assert dataset.rows == verify(tmp_path / "local").rows
