"""The server as a program: how it starts, what it says when it cannot, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.serve.programs import program

ROOT = Path(__file__).resolve().parents[2]
HTTP = urllib3.PoolManager(retries=False)


def post(url: str, body: bytes) -> Any:
    return HTTP.request("POST", url + "/invocations", body=body, headers={"Content-Type": "image/png"}, timeout=20)


@pytest.mark.parametrize("word", ["run", "serve"])
def test_a_model_that_is_not_there_is_told_in_one_line(tmp_path: Path, word: str) -> None:
    found = program(word, "--model", tmp_path / "none", "--port", 0)
    assert found.returncode == 1
    assert len(found.stderr.splitlines()) == 1
    assert "expected" in found.stderr


def test_a_port_in_use_is_told_before_the_model_is_loaded(tmp_path: Path, running: str) -> None:
    found = program("run", "--model", tmp_path, "--port", running.rpartition(":")[2])
    assert found.returncode == 1
    assert "expected a free port" in found.stderr


def test_help_and_nonsense() -> None:
    assert "--capture-to" in program("run", "--help").stdout
    assert program("nonsense").returncode == 2
    assert program("run", "--model", "x", "--threads", "many").returncode == 2


def test_sigterm_ends_an_idle_server_at_once_and_well(server: Any) -> None:
    with server() as (url, process):
        assert HTTP.request("GET", url + "/ping").status == 200
        started = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - started < 3


def test_what_was_asked_before_sigterm_is_answered(server: Any, picture: Any) -> None:
    with server("--seconds", "1") as (url, process):
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(post(url, picture(33)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        process.terminate()
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 8
        assert process.wait(10) == 0


def test_between_not_ready_and_not_listening_there_is_time_to_look(server: Any, picture: Any) -> None:
    with server("--drain-delay", "1") as (url, process):
        assert HTTP.request("GET", url + "/v2/health/ready").status == 200
        process.terminate()
        time.sleep(0.4)
        for path in ("/v2/health/ready", "/ping", "/v2/models/trivial/ready"):
            assert HTTP.request("GET", url + path).status == 503
        assert HTTP.request("GET", url + "/v2/health/live").status == 200
        assert post(url, picture(33)).status == 200
        assert process.wait(10) == 0


def test_a_client_that_never_finishes_does_not_keep_the_server(server: Any) -> None:
    with server("--body-seconds", "2") as (url, process):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
            time.sleep(0.2)
            process.terminate()
            assert process.wait(15) == 0


def test_a_second_signal_does_not_wait(server: Any, picture: Any) -> None:
    with server("--seconds", "4") as (url, process):
        host, port = url.removeprefix("http://").split(":")
        body = picture(33)
        with socket.create_connection((host, int(port))) as connection:
            head = (
                f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n"
            )
            connection.sendall(f"{head}\r\n".encode() + body)
            time.sleep(0.4)
            process.send_signal(signal.SIGINT)
            time.sleep(0.4)
            assert process.poll() is None
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(10)
            assert time.monotonic() - started < 2


def test_metrics_count_what_happened(server: Any, picture: Any) -> None:
    with server() as (url, _):
        for _ in range(5):
            assert post(url, picture(33)).status == 200
        assert post(url, b"no picture").status == 400
        HTTP.request("POST", url + "/v2/models/trivial/infer", body=b"{}")
        page = HTTP.request("GET", url + "/metrics")
        assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = dict(line.rsplit(" ", 1) for line in page.data.decode().splitlines() if not line.startswith("#"))
        label = '{model_name="trivial"}'
        assert lines[f"request_predict_seconds_count{label}"] == "5.0"
        assert lines[f"request_preprocess_seconds_count{label}"] == "5.0"
        assert lines[f"request_postprocess_seconds_count{label}"] == "5.0"
        assert lines[f"batch_images_sum{label}"] == "5.0"
        assert lines['requests_total{code="200",model_name="trivial",protocol="sagemaker"}'] == "5.0"
        assert lines['requests_total{code="400",model_name="trivial",protocol="open_inference"}'] == "1.0"
        assert lines['rejected_total{model_name="trivial",reason="malformed"}'] == "2.0"
        # A client's words never become labels: each would be a new time series.
        assert not [line for line in lines if "picture" in line]


def test_the_answer_is_one_json_line_with_its_types(server: Any, picture: Any) -> None:
    with server() as (url, _):
        answer = post(url, picture(33))
        assert answer.headers["Content-Type"] == "application/json"
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert "server" not in {name.lower() for name in answer.headers}
        json.loads(answer.data)
