"""kill -9 of the server, of the writer process, of both: what is lost, and that no file is ever broken."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.capture.reader import Counts
from components.capture.record import encode
from components.capture.spool import folder_of
from components.storage import place
from tests.capture.traffic import exchange, ids, process_of, spooled, until, writing

ENDPOINT = Path(__file__).with_name("endpoint.py")


class Endpoint:
    """The running program and its folders."""

    def __init__(self, root: Path) -> None:
        self.place, self.spool, self.log = root / "place", root / "spool", root / "log"
        command = [sys.executable, str(ENDPOINT), str(self.place), str(self.spool), str(self.log)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        until(self.waiting, 20)
        self.writer = process_of(self.process.pid)

    def waiting(self) -> int:
        """The bytes of records in the spool."""
        return sum(spooled(self.spool).values())

    def offered(self, before: float = float("inf")) -> set[str]:
        """The events that were taken before a moment."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return {f"event-{int(number):08d}" for number, seconds in rows if float(seconds) < before}

    def arrived(self) -> set[str]:
        """The events at the place; every file must be readable to its end, no record may be there twice."""
        counts = Counts()
        found = ids(self.place, counts)
        assert counts.broken.total() == 0
        assert len(found) == len(set(found))
        return set(found)

    def recovered(self) -> set[str]:
        """The same after another writer has used the spool."""
        with writing(self.place, self.spool):
            until(lambda: not self.waiting())
        return self.arrived()


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    started = Endpoint(tmp_path)
    yield started
    started.process.kill()
    started.process.wait()
    if started.process.stdout:
        started.process.stdout.close()


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("seed", range(int(os.environ.get("HOSTILE_KILLS", "3"))))
def test_a_killed_server_loses_at_most_a_second_and_needs_no_successor(endpoint: Endpoint, seed: int) -> None:
    time.sleep(random.Random(seed).uniform(0.1, 1.5))
    endpoint.process.kill()
    killed = time.time()
    until(lambda: not running(endpoint.writer))
    arrived = endpoint.arrived()
    assert endpoint.offered(before=killed - 1.0) <= arrived <= endpoint.offered()
    assert arrived
    assert not spooled(endpoint.spool)


@pytest.mark.parametrize("seed", range(int(os.environ.get("HOSTILE_KILLS", "3"))))
def test_both_killed_at_once_lose_at_most_a_second(endpoint: Endpoint, seed: int) -> None:
    time.sleep(random.Random(seed).uniform(0.1, 1.5))
    os.kill(endpoint.writer, signal.SIGKILL)
    endpoint.process.kill()
    killed = time.time()
    endpoint.process.wait()
    arrived = endpoint.recovered()
    assert endpoint.offered(before=killed - 1.0) <= arrived <= endpoint.offered()
    assert arrived


@pytest.mark.parametrize("seed", range(int(os.environ.get("HOSTILE_KILLS", "3"))))
def test_a_killed_writer_is_replaced_and_what_it_lost_is_counted(endpoint: Endpoint, seed: int) -> None:
    time.sleep(random.Random(seed).uniform(0.1, 1.0))
    os.kill(endpoint.writer, signal.SIGKILL)
    killed = time.time()
    time.sleep(2.0)
    endpoint.process.terminate()
    found = json.loads(endpoint.process.communicate(timeout=20)[0])
    arrived, offered = endpoint.recovered(), endpoint.offered()
    assert found["restarts_total"] == 1
    assert found["captured_total"] == len(offered) == found["written_total"] + found["dropped_total"]
    # What the killed one wrote in its last moment may be there though it was not told, and counted as dropped.
    assert found["written_total"] <= len(arrived)
    # A tenth of a second for the kernel to take the process apart: until then its pipe takes what nobody will read.
    assert offered - endpoint.offered(before=killed + 0.1) <= arrived
    assert endpoint.offered(before=killed - 1.0) <= arrived


def test_a_writer_that_cannot_live_is_not_started_over_and_over(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        ended = time.monotonic() + 4
        while time.monotonic() < ended:
            try:
                os.kill(process_of(os.getpid()), signal.SIGKILL)
            except LookupError:
                time.sleep(0.02)
        assert 1 <= writer.statistics()["restarts_total"] <= 4


def test_ctrl_c_and_sigterm_are_the_servers_to_act_on(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        time.sleep(1)
        for signaled in (signal.SIGINT, signal.SIGTERM):
            os.kill(process_of(os.getpid()), signaled)
        time.sleep(0.2)
        assert running(process_of(os.getpid()))
    assert writer.statistics()["restarts_total"] == 0


def test_a_record_cut_by_a_crash_is_removed_before_the_file_is_delivered(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "spool", place(str(tmp_path / "place")).uri) / "signs/AllTraffic/2022/02/14/12"
    root.mkdir(parents=True)
    line = encode(exchange(1, 1_644_840_000.0))
    (root / "00-00-000-whole.jsonl.open").write_bytes(line + line[:-30])
    (root / "00-00-001-cut.jsonl.open").write_bytes(line[:-1])
    (root / "00-00-002-empty.jsonl.open").write_bytes(b"")
    (root / "00-00-003-long.jsonl.open").write_bytes(line + 300_000 * b"x")
    with writing(tmp_path / "place", tmp_path / "spool"):
        until(lambda: not spooled(tmp_path / "spool"))
    counts = Counts()
    assert ids(tmp_path / "place", counts) == ["event-00000001"] * 2
    assert counts.broken.total() == 0
    assert not list((tmp_path / "spool").rglob("signs"))
