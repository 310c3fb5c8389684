"""What a server records: which model answered, and of pictures no more than their pixels."""

from __future__ import annotations

import base64
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from components import images
from components.capture import payloads
from components.capture.reader import read
from components.package.archive import Package, pack, unpack
from tests.capture.hostile_metadata import SECRET, jpeg, png

ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager(retries=False)


@contextmanager
def serving(model: Path, place: Path, *options: str) -> Iterator[str]:
    """A server as a program, stopped in the end so that its records are in the place."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    descriptor = str(listening.fileno())
    command = [sys.executable, "-m", "components.serve", "run", "--model", str(model), "--name", "signs"]
    capture = ["--capture-to", str(place), "--sampling-percentage", "100", "--spool", str(place) + "-spool"]
    arguments = [*command, *capture, "--threads", "1", "--socket", descriptor, *options]
    process = subprocess.Popen(arguments, pass_fds=[listening.fileno()], cwd=ROOT)
    listening.close()
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            try:
                if HTTP.request("GET", url + "/ping", timeout=5).status == 200:
                    break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        yield url
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def post(url: str, body: bytes, kind: str, path: str = "/invocations", **headers: str) -> str:
    answer = HTTP.request("POST", url + path, body=body, headers={"Content-Type": kind, **headers}, timeout=30)
    assert answer.status == 200, answer.data
    return str(answer.headers["X-Roadworthy-Event-Id"])


@pytest.mark.slow  # three servers, each with torch
def test_each_record_names_the_model_that_answered_it(
    trained: Path, archive: Path, handler_archive: Path, tmp_path: Path
) -> None:
    description = json.loads((trained / "model.json").read_text())
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "model.json").write_text(json.dumps({**description, "name": "next"}))
    (tmp_path / "next" / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    pack(tmp_path / "next", tmp_path / "next.tar.gz")
    unpack(handler_archive, tmp_path / "own")
    place, expected = tmp_path / "place", {}
    for model, options in ((archive, ()), (tmp_path / "next.tar.gz", ()), (tmp_path / "own", ("--allow-code",))):
        with serving(model, place, *options) as url:
            expected[post(url, jpeg(1), "image/jpeg")] = Package(model).digest
    assert len(set(expected.values())) == 3
    assert {one.event_id: one.model for one in read(str(place), "signs")} == expected


def encoded(file: bytes) -> str:
    return base64.b64encode(file).decode()


def asked(one: bytes, two: bytes) -> list[tuple[bytes, str, str, dict[str, str]]]:
    """Every way of sending encoded pictures: body, content type, path, headers."""
    invoke, infer = "/invocations", "/v2/models/trivial/infer"
    tensor = {"name": "images", "datatype": "BYTES", "shape": [2]}
    tail = b"".join(struct.pack("<I", len(file)) + file for file in (one, two))
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(tail)}}]}).encode()
    texts = json.dumps({"inputs": [{**tensor, "data": [encoded(one), encoded(two)]}]}).encode()
    return [
        (one, "image/jpeg", invoke, {}),
        (two, "image/png", invoke, {}),
        (one, "application/x-image", invoke, {}),
        (json.dumps({"images": [encoded(one), encoded(two)]}).encode(), "application/json", invoke, {}),
        (texts, "application/json", infer, {}),
        (texts, "text/plain", infer, {"Inference-Header-Content-Length": str(len(texts))}),
        (head + tail, "application/octet-stream", infer, {"Inference-Header-Content-Length": str(len(head))}),
    ]


def test_no_place_time_or_author_of_a_picture_is_recorded_however_it_came(server: Any, tmp_path: Path) -> None:
    one, two = jpeg(1, side=(300, 200)), png(2)
    seen = [images.decode(one), images.decode(two)]
    with server("--capture-to", str(tmp_path / "place"), "--spool", str(tmp_path / "spool")) as (url, process):
        sent = {post(url, body, kind, path, **more): body for body, kind, path, more in asked(one, two)}
        page = HTTP.request("GET", url + "/metrics").data.decode()
        process.terminate()
        assert process.wait(15) == 0
    assert 'capture_unstripped_total{model_name="trivial"} 0.0' in page
    found = list(read(str(tmp_path / "place")))
    assert {record.event_id for record in found} == set(sent)
    for record in found:
        assert record.request is not None
        assert SECRET not in record.request
        assert len(record.request) < len(sent[record.event_id])
        again = payloads.images(record.request, record.request_type)
        expected = seen if len(again) == 2 else [image for image in seen if image.shape == again[0].shape]
        assert all(np.array_equal(a, b) for a, b in zip(again, expected, strict=True))
    everything = b"".join(path.read_bytes() for path in (tmp_path / "place").rglob("*.jsonl"))
    assert base64.b64encode(SECRET)[4:-4] not in everything
