"""The capture sink as a program: what pairs, what is kept, and how it ends."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from components.capture.predictions import predictions
from components.capture.record import sampled
from tests.serve.conftest import encoded
from tests.serve.kserve_logger import (
    ANSWER,
    HTTP,
    ROOT,
    binary,
    captured,
    counts,
    ended,
    event,
    post,
    refused,
    send,
    sinking,
    until,
)


def test_a_request_and_its_response_become_one_record_in_either_order(tmp_path: Path) -> None:
    picture = encoded(84)
    with sinking(tmp_path / "place", "--spool", tmp_path / "spool") as (url, process):
        kinds = {"datacontenttype": "image/png"}  # KServe says of a response what it says of its request
        assert send(url, "request", 1, picture, **kinds) == "waiting"
        assert send(url, "response", 1, **kinds) == "paired"
        assert send(url, "response", 2, **kinds) == "waiting"
        assert send(url, "request", 2, picture, **kinds) == "paired"
        answer = post(url, binary(event("request", 3, picture)))
        ended(process)
    found = captured(tmp_path / "place")
    assert set(found) == {"call-1", "call-2"}
    for one in found.values():
        assert (one.request, one.request_type) == (picture, "image/png")
        assert (one.response, one.response_type) == (ANSWER, "application/json")
        assert abs(one.time - time.time()) < 60
        assert str(uuid.UUID(one.event_id)) == one.event_id
        assert predictions(one.response, one.response_type)[0].class_index == 14
    assert answer.headers["X-Roadworthy-Event-Id"] == answer.json()["event_id"]


def test_the_folder_is_the_endpoints_and_the_variants(tmp_path: Path) -> None:
    with sinking(tmp_path, "--variant", "canary", "--spool", tmp_path / ".spool") as (url, process):
        send(url, "request", 1, inferenceservicename=None)
        send(url, "response", 1, inferenceservicename=None)
        ended(process)
    (path,) = tmp_path.glob("signs/canary/*/*/*/*/*.jsonl")
    assert path.stat().st_size


def test_without_a_name_each_service_is_an_endpoint_up_to_the_limit(tmp_path: Path) -> None:
    options = ("--max-endpoints", 2, "--spool", tmp_path / "spool")
    with sinking(tmp_path / "place", *options, name="") as (url, process):
        for service in ("signs", "animals"):
            for kind in ("request", "response"):
                send(url, kind, service, inferenceservicename=service)
        refused(post(url, binary(event("request", 3, inferenceservicename="third"))), 400, "at most 2")
        refused(post(url, binary(event("request", 4, inferenceservicename="../up"))), 400, "ce-inferenceservicename")
        refused(post(url, binary(event("request", 5, inferenceservicename=None))), 400, "ce-inferenceservicename")
        page = HTTP.request("GET", url + "/metrics").data.decode()
        ended(process)
    assert sorted(path.name for path in (tmp_path / "place").iterdir()) == ["animals", "signs"]
    for service in ("signs", "animals"):
        assert f'captured_total{{model_name="{service}"}} 1.0' in page
        assert f'capture_dropped_total{{model_name="{service}"}} 0.0' in page


def test_of_two_equal_halves_the_first_counts(tmp_path: Path) -> None:
    with sinking(tmp_path / "place", "--spool", tmp_path / "spool") as (url, process):
        assert send(url, "request", 1, b"first") == "waiting"
        assert send(url, "request", 1, b"second") == "duplicate"
        assert send(url, "response", 1, b"{}") == "paired"
        assert send(url, "response", 1, b"[]") == "duplicate"
        assert send(url, "request", 1, b"third") == "duplicate"
        assert counts(url) == {
            ("request", "paired"): 1,
            ("response", "paired"): 1,
            ("request", "duplicate"): 2,
            ("response", "duplicate"): 1,
        }
        ended(process)
    (one,) = captured(tmp_path / "place").values()
    assert (one.request, one.response) == (b"first", b"{}")


def test_a_half_that_stays_alone_is_given_up_and_counted(tmp_path: Path) -> None:
    options = ("--pair-seconds", 0.5, "--spool", tmp_path / "spool")
    with sinking(tmp_path / "place", *options) as (url, process):
        send(url, "request", 1)
        send(url, "response", 2)
        assert counts(url) == {("waiting", ""): 2}
        until(lambda: counts(url) == {("request", "unpaired"): 1, ("response", "unpaired"): 1})
        assert send(url, "response", 1) == "waiting"
        said = ended(process)
    assert "events whose other half did not come: 1" in said
    assert captured(tmp_path / "place") == {}


def test_only_the_sampled_share_is_kept_and_every_replica_keeps_the_same(tmp_path: Path) -> None:
    kept = []
    for replica in ("a", "b"):
        root = tmp_path / replica
        with sinking(root / "place", "--sampling-percentage", 30, "--spool", root / "spool") as (url, process):
            answers = [post(url, binary(event("request", number))).json() for number in range(60)]
            for answer in answers:
                assert (answer["outcome"] == "waiting") == sampled(answer["event_id"], 30)
            for number in range(60):
                post(url, binary(event("response", number)))
            ended(process)
        kept.append(set(captured(root / "place")))
    assert kept[0] == kept[1]
    assert 5 < len(kept[0]) < 35


def test_a_body_over_the_limit_is_refused_with_and_without_its_length(tmp_path: Path) -> None:
    with sinking(tmp_path / "place", "--max-body", 1, "--spool", tmp_path / "spool") as (url, _):
        headers, _ = binary(event("request", 1))
        assert post(url, (headers, bytes(1024 * 1024))).status == 200
        refused(post(url, (headers, bytes(1024 * 1024 + 1))), 413, "1048576")
        chunks = (bytes(65536) for _ in range(17))
        refused(HTTP.request("POST", url + "/", body=chunks, headers=headers), 413, "1048576")


def test_what_has_no_room_is_told_so_without_a_wait(tmp_path: Path) -> None:
    with sinking(tmp_path / "place", "--pair-bytes", 2, "--spool", tmp_path / "spool") as (url, _):
        half = bytes(300 * 1024)
        answers = [post(url, binary(event("request", number, half))) for number in range(10)]
        assert [answer.status for answer in answers] == [200] * 6 + [503] * 4
        refused(answers[-1], 503, "room")
        assert answers[-1].headers["Retry-After"] == "1"
        # What waits is not thrown out: its response pairs, and makes room for the next.
        assert send(url, "response", 0, half) == "paired"
        assert post(url, binary(event("request", 9, half))).status == 200
        assert counts(url)["request", "refused"] == 4
        assert 'rejected_total{model_name="signs",reason="no_room"} 4.0' in metrics(url)


def test_memory_stays_within_its_bound_whatever_comes(tmp_path: Path) -> None:
    with sinking(tmp_path / "place", "--pair-bytes", 8, "--spool", tmp_path / "spool") as (url, process):
        half = bytes(1024 * 1024)
        post(url, binary(event("request", "first", half)))
        before = resident(process.pid)
        for number in range(150):
            post(url, binary(event("request", number, half)))
        assert resident(process.pid) - before < 32 * 1024 * 1024


def resident(pid: int) -> int:
    """Bytes of a process's memory that are in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def metrics(url: str) -> str:
    return HTTP.request("GET", url + "/metrics").data.decode()


@pytest.mark.parametrize("place", ["file:///proc/nowhere", "/dev/full/x"])
def test_a_place_that_cannot_be_written_makes_nobody_wait(tmp_path: Path, place: str) -> None:
    with sinking(place, "--spool", tmp_path / "spool") as (url, process):
        started = time.monotonic()
        for number in range(50):
            send(url, "request", number)
            assert send(url, "response", number) == "paired"
        assert time.monotonic() - started < 5
        assert 'captured_total{model_name="signs"} 50.0' in metrics(url)
        started = time.monotonic()
        ended(process)
        assert time.monotonic() - started < 10


def test_sigterm_keeps_what_is_paired_and_still_takes_responses_on_the_way(tmp_path: Path) -> None:
    options = ("--drain-delay", 1.5, "--spool", tmp_path / "spool")
    with sinking(tmp_path / "place", *options) as (url, process):
        for number in range(20):
            send(url, "request", number)
        process.terminate()
        until(lambda: HTTP.request("GET", url + "/v2/health/ready").status == 503)
        assert HTTP.request("GET", url + "/v2/health/live").status == 200
        for number in range(15):
            assert send(url, "response", number) == "paired"
        said = process.communicate(timeout=20)[1]
        assert process.returncode == 0
    assert "events whose other half did not come: 5" in said
    assert set(captured(tmp_path / "place")) == {f"call-{number}" for number in range(15)}


def test_a_killed_sink_loses_at_most_a_second_of_what_was_paired(tmp_path: Path) -> None:
    place, spool = tmp_path / "place", tmp_path / "spool"
    paired: dict[str, float] = {}
    with sinking(place, "--capture-rotate-seconds", 5, "--spool", spool) as (url, process):
        ending = time.monotonic() + 3.0
        number = 0
        while time.monotonic() < ending:
            send(url, "request", number)
            assert send(url, "response", number) == "paired"
            paired[f"call-{number}"] = time.monotonic()
            number += 1
        process.kill()
        killed = time.monotonic()
    with sinking(place, "--spool", spool) as (url, process):  # delivers what the last one left
        send(url, "request", "after")
        send(url, "response", "after")
        time.sleep(1.0)
        ended(process)
    found = captured(place)
    assert len(paired) > 100
    assert not [name for name, at in paired.items() if name not in found and at < killed - 1.0]


def test_what_cannot_be_is_told_in_one_line_before_anything_starts(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "components.serve", "sink", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        place = str(tmp_path)
        for arguments in (
            ("--place", "gopher://x", "--name", "signs"),
            ("--place", place, "--name", "../up", "--port", "0"),
            ("--place", place, "--name", "signs", "--variant", "a/b"),
            ("--place", place, "--name", "signs", "--port", port),
        ):
            found = run(*arguments)
            assert found.returncode == 1
            assert len(found.stderr.splitlines()) == 1
            assert "expected" in found.stderr
    assert run("--place", place, "--pair-seconds", "0").returncode == 2
    assert "--pair-seconds" in run("--help").stdout


def test_no_torch_is_loaded_to_capture() -> None:
    code = (
        "import sys; import components.serve.sink.app, components.serve.sink.program, components.serve.transport;"
        "sys.exit('torch' in sys.modules or 'mxnet' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
