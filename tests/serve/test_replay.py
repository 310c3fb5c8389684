"""Sending a dataset to an endpoint, and the client behind it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.capture.record import instant, sampled
from components.data.dataset import DatasetWriter
from components.errors import EndpointError
from components.serve.client import Client
from components.serve.replay import choose, window

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 40


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose class the trivial model can see, but for the last five."""
    from tests.serve.conftest import encoded

    folder = tmp_path_factory.mktemp("data") / "signs"
    labels = [f"sign {number}" for number in range(43)]
    with DatasetWriter(folder, name="signs", source="test", labels=labels, seed=1) as writer:
        for i in range(IMAGES):
            shown = i if i < IMAGES - 5 else 0
            picture = encoded(6 * shown + 3, side=32)
            writer.add(picture, class_id=i, track=1, frame=0, split="test", size=(32, 32), box=(0, 0, 32, 32))
    return folder


def replay(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    outputs = ("--answers", folder / "answers", "--metrics", folder / "metrics.json", "--captured", folder / "captured")
    outputs += ("--start", folder / "start", "--end", folder / "end")
    return subprocess.run(
        [sys.executable, "-m", "components.serve", "replay", *map(str, (*outputs, *arguments))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_every_image_of_a_split_is_sent_and_its_answer_kept(tmp_path: Path, dataset: Path, running: str) -> None:
    found = replay(tmp_path, "--dataset", dataset, "--url", running, "--sampling-percentage", 30)
    assert found.returncode == 0, found.stderr
    answers = [json.loads(line) for line in (tmp_path / "answers" / "answers.jsonl").read_text().splitlines()]
    assert len({answer["path"] for answer in answers}) == IMAGES
    assert len({answer["event_id"] for answer in answers}) == IMAGES
    assert sum(answer["predicted"] == answer["true_class"] for answer in answers) == IMAGES - 5
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"] == (IMAGES - 5) / IMAGES
    assert metrics["images"] == metrics["requests"] == IMAGES
    assert 0 < metrics["latency_p50_seconds"] <= metrics["latency_p99_seconds"]
    assert f"{IMAGES} of {IMAGES} images" in found.stderr
    wanted = sum(sampled(answer["event_id"], 30) for answer in answers)
    assert int((tmp_path / "captured").read_text()) == wanted


def test_the_windows_of_replays_that_follow_each_other_hold_their_own_traffic_and_do_not_meet(
    tmp_path: Path, dataset: Path, running: str
) -> None:
    windows = []
    for name in ("first", "second"):
        before = time.time()
        assert replay(tmp_path / name, "--dataset", dataset, "--url", running, "--count", 3).returncode == 0
        after = time.time()
        texts = [(tmp_path / name / side).read_text() for side in ("start", "end")]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text) for text in texts)
        start, end = (instant(text) for text in texts)
        assert before - 1 < start < end <= after
        windows.append((start, end))
    assert windows[0][1] <= windows[1][0]


def test_a_window_begins_with_the_second_of_the_first_request_and_ends_a_second_after_the_last_answer() -> None:
    assert window(10.0, 10.0) == (10, 11)
    assert window(10.999, 12.001) == (10, 14)
    for tenths in range(100):
        start, end = window(10 + tenths / 10, 20 + tenths / 10)
        assert 0 <= 10 + tenths / 10 - start < 1
        assert 1 <= end - (20 + tenths / 10) < 2


def test_a_draw_depends_on_its_seed_alone() -> None:
    assert choose(1000, 10, 3) == choose(1000, 10, 3) != choose(1000, 10, 4)
    assert sorted(choose(5, 0, 1)) == sorted(choose(5, 9, 1)) == list(range(5))
    assert len(set(choose(100, 60, 2))) == 60


def test_an_endpoint_that_is_not_there_is_told_in_one_line(tmp_path: Path, dataset: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        found = replay(tmp_path, "--dataset", dataset, "--url", url, "--retries", 1)
    assert found.returncode == 1
    assert "expected an answer from" in found.stderr.splitlines()[-1]
    assert not (tmp_path / "answers").exists()


def test_an_empty_split_is_told(tmp_path: Path, dataset: Path, running: str) -> None:
    found = replay(tmp_path, "--dataset", dataset, "--url", running, "--split", "train")
    assert found.returncode == 1
    assert "expected images in the split 'train'" in found.stderr


def test_client_and_stages_need_neither_torch_nor_starlette() -> None:
    program = (
        "import sys; import components.serve.__main__, components.serve.replay, components.serve.deploy.local, "
        "components.serve.deploy.stages, components.serve.program; "
        "print([m for m in ('torch', 'starlette', 'uvicorn', 'prometheus_client', 'kfp') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.strip() == "[]"


@contextmanager
def scripted(answers: Sequence[bytes]) -> Iterator[tuple[str, list[float]]]:
    """Yields the url of a server that gives these raw answers, one a connection, and the times they were asked."""
    times: list[float] = []

    def serve() -> None:
        for answer in answers:
            connection, _ = listening.accept()
            with connection:
                received = b""
                while b"\r\n\r\nbody" not in received:
                    received += connection.recv(65536)
                times.append(time.monotonic())
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", times
        thread.join(10)


def answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_the_client_comes_again_when_it_was_told_to() -> None:
    busy = answer("503 Service Unavailable", b"{}", "Retry-After: 1")
    with scripted([busy, answer("200 OK", b'{"a": 1}')]) as (url, times), Client(url) as client:
        reply = client.invoke(b"body", "text/plain")
    assert (reply.json(), reply.retries) == ({"a": 1}, 1)
    assert times[1] - times[0] >= 1.0


def test_the_client_outlives_a_broken_connection() -> None:
    with scripted([b"", answer("200 OK", b"{}" * 50)[:-30], answer("200 OK")]) as (url, _), Client(url) as client:
        assert client.invoke(b"body", "text/plain").retries == 2


def test_what_a_request_is_to_blame_for_is_not_tried_again() -> None:
    refused = answer("400 Bad Request", b'{"error": "expected a picture"}')
    with (
        scripted([refused]) as (url, times),
        Client(url) as client,
        pytest.raises(EndpointError, match=r"expected 200 .*, found 400: expected a picture"),
    ):
        client.invoke(b"body", "text/plain")
    assert len(times) == 1


def test_patience_ends(picture: Any) -> None:
    busy = answer("503 Service Unavailable", b'{"error": "full"}')
    with (
        scripted([busy] * 3) as (url, times),
        Client(url, retries=2) as client,
        pytest.raises(EndpointError, match=r"503: full \(after 2 retries\)"),
    ):
        client.invoke(b"body", "text/plain")
    assert len(times) == 3
