"""What a server captures: the exchange as it was, on the side; and what is left when the server is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from components.capture import record
from components.serve.protocols import open_inference

HTTP = urllib3.PoolManager(retries=False, maxsize=16)


def lines(place: Path) -> list[bytes]:
    return [line for path in place.rglob("*.jsonl") for line in path.read_bytes().splitlines(keepends=True)]


def test_the_bytes_that_came_and_went_are_captured_with_their_ids(
    server: Any, tmp_path: Path, picture: Any, as_npy: Any
) -> None:
    with server("--capture-to", str(tmp_path / "place"), "--spool", str(tmp_path / "spool")) as (url, process):
        sent = {}
        array = as_npy(np.zeros((2, 8, 8, 3), np.uint8))
        for body, kind in ((picture(33), "image/png"), (array, "application/x-npy")):
            answer = HTTP.request(
                "POST",
                url + "/invocations",
                body=body,
                headers={
                    "Content-Type": kind,
                    "X-Amzn-SageMaker-Inference-Id": "mine",
                    "X-Amzn-SageMaker-Custom-Attributes": "a=b",
                },
            )
            sent[answer.headers["X-Roadworthy-Event-Id"]] = (body, kind, answer.data)
        assert HTTP.request("POST", url + "/invocations", body=b"x").status == 415
        process.terminate()
        assert process.wait(15) == 0
    found = {exchange.event_id: exchange for exchange in map(record.decode, lines(tmp_path / "place"))}
    assert set(found) == set(sent)
    for event_id, (body, kind, answer) in sent.items():
        exchange = found[event_id]
        assert (exchange.request, exchange.request_type) == (body, kind)
        assert (exchange.response, exchange.response_type) == (answer, "application/json")
        assert (exchange.inference_id, exchange.custom_attributes) == ("mine", "a=b")
        assert abs(exchange.time - time.time()) < 60


def test_a_captured_binary_request_can_be_read_again(server: Any, tmp_path: Path) -> None:
    from components.serve.limits import Limits

    images = np.random.default_rng(1).integers(0, 200, (2, 5, 6, 3), np.uint8)
    tensor = {"name": "images", "datatype": "UINT8", "shape": [2, 5, 6, 3]}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": images.nbytes}}]}).encode()
    with server("--capture-to", str(tmp_path / "place"), "--spool", str(tmp_path / "spool")) as (url, process):
        headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
        body = head + images.tobytes()
        assert HTTP.request("POST", url + "/v2/models/trivial/infer", body=body, headers=headers).status == 200
        process.terminate()
        assert process.wait(15) == 0
    (exchange,) = map(record.decode, lines(tmp_path / "place"))
    assert exchange.request is not None
    assert exchange.request_type is not None
    length = int(exchange.request_type.rpartition("=")[2])
    found = open_inference.parse(exchange.request, length, ("class",), Limits())
    assert np.array_equal(np.stack(found.images), images)


def test_what_was_captured_until_a_second_before_a_kill_is_there_and_whole(
    server: Any, tmp_path: Path, picture: Any
) -> None:
    place, spool = tmp_path / "place", tmp_path / "spool"
    options = ("--capture-to", str(place), "--spool", str(spool))
    answered: dict[str, float] = {}
    over = threading.Event()

    def ask(url: str, number: int) -> None:
        body = picture(number % 250)
        while not over.is_set():
            try:
                answer = HTTP.request(
                    "POST", url + "/invocations", body=body, headers={"Content-Type": "image/png"}, timeout=5
                )
            except urllib3.exceptions.HTTPError:
                return
            answered[answer.headers["X-Roadworthy-Event-Id"]] = time.monotonic()

    with server(*options) as (url, process):
        threads = [threading.Thread(target=ask, args=(url, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(3.0)
        killed = time.monotonic()
        os.kill(process.pid, signal.SIGKILL)
        over.set()
        for thread in threads:
            thread.join()
    # The next server's writer delivers what the last one left.
    with server(*options) as (url, process):
        asked = HTTP.request("POST", url + "/invocations", body=picture(3), headers={"Content-Type": "image/png"})
        assert asked.status == 200
        time.sleep(1.5)
        process.terminate()
        assert process.wait(15) == 0
    found = lines(place)
    assert all(line.endswith(b"\n") for line in found)
    ids = [record.decode(line).event_id for line in found]
    assert len(ids) == len(set(ids))
    lost = [event_id for event_id, at in answered.items() if event_id not in ids]
    assert len(answered) > 100
    assert not [event_id for event_id in lost if answered[event_id] < killed - 1.0]


@pytest.mark.parametrize("place", ["file:///proc/nowhere", "/dev/full/x"])
def test_a_place_that_cannot_be_written_harms_no_prediction(
    server: Any, tmp_path: Path, picture: Any, place: str
) -> None:
    with server("--capture-to", place, "--spool", str(tmp_path / "spool")) as (url, _):
        for _ in range(50):
            answer = HTTP.request("POST", url + "/invocations", body=picture(33), headers={"Content-Type": "image/png"})
            assert answer.status == 200
        page = HTTP.request("GET", url + "/metrics").data.decode()
        assert 'captured_total{model_name="trivial"} 50.0' in page
        assert "capture_dropped_total" in page
