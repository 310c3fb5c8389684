"""What goes wrong around a server: kills, a place that hangs or errs, a full disk, a clock that jumps; it answers on.

Predictions are never the ones to suffer: what cannot be captured is dropped, and counted.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile_pictures as pictures
import pytest
import urllib3
from effort import KILLS, drawn
from serving import Running, serving

from components.capture.reader import Counts, read
from tests.capture.traffic import ids, process_of, spooled, until
from tests.processes import alive
from tests.storage.s3_server import hanging

GOOD = pictures.plain()
EVENT_ID = "X-Roadworthy-Event-Id"


def capturing(folder: Path) -> tuple[str, ...]:
    return ("--capture-to", str(folder / "place"), "--spool", str(folder / "spool"))


def asked(server: Running, count: int, threads: int = 16) -> list[float]:
    """Sends so many requests; returns the seconds of each, all of which must be answered."""

    def ask(_: int) -> float:
        started = time.perf_counter()
        assert server.post(GOOD, "image/png").status == 200
        return time.perf_counter() - started

    with ThreadPoolExecutor(threads) as pool:
        return sorted(pool.map(ask, range(count)))


@pytest.mark.parametrize("trial", range(KILLS))
def test_of_a_killed_server_every_answer_older_than_a_second_is_captured_and_no_process_is_left(
    tmp_path: Path, trial: int
) -> None:
    answered: dict[str, float] = {}
    over = threading.Event()

    def ask(server: Running) -> None:
        while not over.is_set():
            try:
                answered[server.post(GOOD, "image/png").headers[EVENT_ID]] = time.monotonic()
            except urllib3.exceptions.HTTPError:
                return

    with serving(tmp_path, *capturing(tmp_path)) as server:
        until(lambda: process_of(server.process.pid), 20)
        writer = process_of(server.process.pid)
        clients = [threading.Thread(target=ask, args=(server,)) for _ in range(4)]
        for one in clients:
            one.start()
        time.sleep(1.2 + drawn("server", trial).random() * 1.5)
        killed = time.monotonic()
        server.process.kill()
        server.process.wait()
        over.set()
        for one in clients:
            one.join()
    until(lambda: not alive(writer), 20)
    counts = Counts()
    there = ids(tmp_path / "place", counts)
    assert counts.broken.total() == 0
    assert len(there) == len(set(there))
    assert {one for one, at in answered.items() if at < killed - 1.0} <= set(there)
    assert len(answered) > 10


def test_a_thousand_requests_while_the_store_hangs_are_answered_and_what_is_dropped_is_counted(tmp_path: Path) -> None:
    store = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
    options = ("--capture-to", "s3://bucket/hangs", "--spool", str(tmp_path / "spool"))
    with serving(tmp_path) as plain:
        usual = asked(plain, 300, 64)
    with (
        hanging() as url,
        serving(tmp_path, *options, environment={**store, "AWS_ENDPOINT_URL_S3": url}) as server,
    ):
        seconds = asked(server, 1000, 64)
        assert seconds[950] < max(20 * usual[285], 2.0)
        assert server.count("captured_total") == 1000
        until(lambda: any(spooled(tmp_path / "spool").values()) or server.count("capture_dropped_total"), 20)
        server.healthy(GOOD)


def test_a_store_that_refuses_every_connection_costs_no_answer(tmp_path: Path) -> None:
    store = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    options = ("--capture-to", "s3://bucket/errs", "--spool", str(tmp_path / "spool"))
    with serving(tmp_path, *options, environment=store) as server:
        asked(server, 100)
        assert server.count("captured_total") == 100
        server.healthy(GOOD)


def test_a_full_disk_costs_records_and_no_answer_and_leaves_no_half_line(tmp_path: Path) -> None:
    """The kernel refuses the writer every byte beyond a size, as a full disk does."""
    with serving(tmp_path, *capturing(tmp_path)) as server:
        until(lambda: process_of(server.process.pid), 20)
        resource.prlimit(process_of(server.process.pid), resource.RLIMIT_FSIZE, (20_000, 20_000))
        asked(server, 400)
        until(lambda: server.count("capture_dropped_total") > 0, 30)
        assert server.count("captured_total") == 400
        server.process.terminate()
        assert server.process.wait(30) == 0
    counts = Counts()
    there = ids(tmp_path / "place", counts) if (tmp_path / "place").exists() else []
    assert len(there) < 401
    assert counts.broken.total() == 0


def test_a_disk_that_cannot_be_written_costs_records_and_no_answer(tmp_path: Path) -> None:
    options = ("--capture-to", str(tmp_path / "place"), "--spool", "/proc/nowhere")
    with serving(tmp_path, *options) as server:
        asked(server, 100)
        until(lambda: server.count("capture_dropped_total") > 0, 30)
        server.healthy(GOOD)


CLOCK = """
import os, time
_real, _file = time.time, os.environ["HOSTILE_CLOCK"]
def _jumped():
    try:
        return _real() + float(open(_file).read())
    except (OSError, ValueError):
        return _real()
time.time = _jumped
"""


def test_a_clock_that_jumps_back_and_forth_loses_and_doubles_no_record(tmp_path: Path) -> None:
    """A process cannot set the machine's clock, so this one's ``time.time`` follows a file."""
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    clock = tmp_path / "clock"
    environment = {"HOSTILE_CLOCK": str(clock), "PYTHONPATH": f"{Path(__file__).resolve().parents[2]}:{tmp_path}"}
    sent: dict[str, int] = {}
    jumps = (0.0, -7200.0, 3600.0, -86_400.0 * 400, 0.0, -1.0)
    began = time.time()
    with serving(tmp_path, *capturing(tmp_path), environment=environment) as server:
        for number, jump in enumerate(jumps):
            (tmp_path / "next").write_text(str(jump))
            (tmp_path / "next").replace(clock)  # read half written, it would be no jump at all
            for _ in range(5):
                sent[server.post(GOOD, "image/png").headers[EVENT_ID]] = number
        assert server.count("capture_dropped_total") == 0
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    found = {one.event_id: one.time - began for one in read(str(tmp_path / "place"))}
    assert found.keys() == sent.keys()
    for one, number in sent.items():  # an answer leaves before its record is timed: the next jump may be there by then
        assert any(-2 <= found[one] - jump < 600 for jump in jumps[number : number + 2])


def test_sigterm_while_records_wait_delivers_them(tmp_path: Path) -> None:
    with serving(tmp_path, *capturing(tmp_path)) as server:
        asked(server, 200)
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert len(ids(tmp_path / "place")) == 200
