"""The writer through its front door: what is offered comes out at the place, or is counted."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.capture import frames
from components.capture.reader import Counts, read
from components.capture.record import Exchange, sampled
from components.capture.writer import CaptureWriter
from components.errors import InputError, StorageError
from tests.capture.traffic import exchange, ids, process_of, settled, spooled, until, writing
from tests.storage.s3_server import hanging

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
EVERYTHING = [f"event-{number:08d}" for number in range(500)]


def test_what_is_offered_arrives_unchanged_and_in_order(tmp_path: Path) -> None:
    sent = [exchange(number, float(int(time.time()))) for number in range(500)]
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        assert all(writer.offer(one) for one in sent)
    assert list(read(str(tmp_path / "place"), "signs", "AllTraffic")) == sent
    found = writer.statistics()
    assert (found["captured_total"], found["written_total"], found["dropped_total"]) == (500, 500, 0)
    assert (found["files_total"], found["queue_bytes"], found["spool_bytes"], found["errors_total"]) == (1, 0, 0, 0)
    assert found["bytes_total"] == sum(path.stat().st_size for path in (tmp_path / "place").rglob("*.jsonl"))
    assert not spooled(tmp_path / "spool")


def test_a_writer_names_its_model_in_each_record_and_the_next_one_its_own(tmp_path: Path) -> None:
    digests = ["sha256:" + "1f" * 32, "sha256:" + "2e" * 32, None]
    for number, digest in enumerate(digests):
        with writing(tmp_path / "place", tmp_path / "spool", model=digest) as writer:
            writer.offer(exchange(number))
            writer.offer(exchange(10 + number))
    found = {one.event_id: one.model for one in read(str(tmp_path / "place"))}
    assert found == {f"event-{n + tens:08d}": digest for n, digest in enumerate(digests) for tens in (0, 10)}


def test_files_have_sagemakers_keys(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", variant="blue") as writer:
        writer.offer(exchange(1, 1_644_859_506.957))
    (path,) = (tmp_path / "place").rglob("*.jsonl")
    assert path.relative_to(tmp_path / "place").as_posix().startswith("signs/blue/2022/02/14/17/25-06-957-")


def test_a_bucket_gets_the_same(tmp_path: Path, bucket: str) -> None:
    with writing(bucket, tmp_path / "spool") as writer:
        for number in range(500):
            writer.offer(exchange(number))
    assert ids(bucket) == EVERYTHING
    assert not spooled(tmp_path / "spool")


def test_only_the_sampled_share_is_taken(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", sampling_percentage=30) as writer:
        taken = [name for number, name in enumerate(EVERYTHING) if writer.offer(exchange(number))]
    assert taken == [name for name in EVERYTHING if sampled(name, 30)] == ids(tmp_path / "place")
    assert writer.statistics()["captured_total"] == len(taken)
    assert writer.statistics()["dropped_total"] == 0


@pytest.mark.parametrize(("option", "kept"), [("Input", "request"), ("Output", "response")])
def test_options_choose_the_part_that_is_kept(tmp_path: Path, option: str, kept: str) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", capture_options=[option]) as writer:
        writer.offer(exchange(7))
    (found,) = read(str(tmp_path / "place"))
    assert (found.request is not None, found.response is not None) == (kept == "request", kept == "response")


def test_files_rotate_by_size_and_are_complete_when_they_appear(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", rotate_bytes=50_000) as writer:
        for number in range(500):
            writer.offer(exchange(number, body=os.urandom(1000)))
            for path in (tmp_path / "place").rglob("*"):
                assert path.is_dir() or path.name.startswith(".") or path.read_bytes().endswith(b"}\n")
    assert sorted(ids(tmp_path / "place")) == EVERYTHING  # files of one millisecond are in any order
    assert writer.statistics()["files_total"] == len(list((tmp_path / "place").rglob("*.jsonl"))) > 3


def test_files_rotate_by_time_while_nothing_more_comes(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", rotate_seconds=0.5) as writer:
        writer.offer(exchange(1))
        until(lambda: ids(tmp_path / "place") == ["event-00000001"])
        writer.offer(exchange(2))
        until(lambda: len(ids(tmp_path / "place")) == 2)
        until(lambda: writer.statistics()["files_total"] == 2)


def test_each_hour_has_a_file_of_its_own(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        for number, hour in enumerate([0, 0, 1, 1, 0, 5, 5, 2]):
            writer.offer(exchange(number, 1_644_840_000 + 3600.0 * hour))
    assert sorted(ids(tmp_path / "place")) == EVERYTHING[:8]
    for hour, count in {0: 3, 1: 2, 2: 1, 5: 2}.items():
        start = 1_644_840_000 + 3600.0 * hour
        assert len(list(read(str(tmp_path / "place"), start=start, end=start + 3600))) == count


def test_a_flushed_record_is_in_the_spool_within_a_second(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", flush_seconds=1.0) as writer:
        until(lambda: process_of(os.getpid()))
        time.sleep(0.5)  # let the process come up: starting it is not flushing
        offered = time.monotonic()
        writer.offer(exchange(1))
        until(lambda: any(spooled(tmp_path / "spool").values()))
        assert time.monotonic() - offered < 1.0


def test_a_full_queue_drops_and_counts_and_never_waits(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool", queue_bytes=1_000_000) as writer:
        settled(writer)
        pid = process_of(os.getpid())
        os.kill(pid, signal.SIGSTOP)  # stands for anything the writer process can hang in
        try:
            body, costs, taken = os.urandom(3000), [], 0
            for number in range(2000):
                began = time.perf_counter()
                taken += writer.offer(exchange(number, body=body))
                costs.append(time.perf_counter() - began)
            found = writer.statistics()
            assert taken < 2000
            assert (found["captured_total"], found["dropped_total"]) == (taken, 2000 - taken)
            assert found["queue_bytes"] <= 1_000_000
            assert sorted(costs)[1900] < 0.001
        finally:
            os.kill(pid, signal.SIGCONT)
        settled(writer)
    assert len(ids(tmp_path / "place")) == taken


def test_a_body_larger_than_the_queue_is_dropped_and_a_large_one_arrives(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        assert not writer.offer(exchange(1, body=bytes(65 * 1024 * 1024)))
        assert writer.offer(exchange(2, body=bytes(20_000_000)))
    (found,) = read(str(tmp_path / "place"))
    assert found.request == bytes(20_000_000)
    assert writer.statistics()["dropped_total"] == 1


def test_an_odd_exchange_costs_itself_and_nothing_else(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        writer.offer(exchange(1))
        writer.offer(exchange(2, float("nan")))
        writer.offer(exchange(3, -1.0))
        writer.offer(Exchange("\ud800", time.time(), b"", "\udfff", b"", None, "a\nb\0", "ä"))
        writer.offer(Exchange("", time.time(), None, None, b"", None))
        writer.offer(exchange(4))
    found = list(read(str(tmp_path / "place")))
    assert [one.event_id for one in found] == ["event-00000001", "?", "", "event-00000004"]
    assert (found[1].request_type, found[1].inference_id) == ("?", "a\nb\0")
    assert writer.statistics()["dropped_total"] == 2


def test_a_hanging_place_fills_the_spool_and_then_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a-key-that-must-not-be-shown")
    options = {"rotate_bytes": 100_000, "spool_bytes": 400_000}
    with hanging() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with writing("s3://bucket/hangs", tmp_path / "spool", **options) as writer:
            body, slowest = os.urandom(3000), 0.0
            for number in range(400):
                began = time.perf_counter()
                assert writer.offer(exchange(number, body=body))
                slowest = max(slowest, time.perf_counter() - began)
            found = settled(writer)
            assert 0 < found["dropped_total"] == 400 - found["written_total"]
            assert 0 < found["spool_bytes"] <= 400_000
            assert slowest < 0.1
            began = time.monotonic()
            writer.close(1.0)
            assert time.monotonic() - began < 3
    assert sum(spooled(tmp_path / "spool").values()) == found["spool_bytes"]


def test_a_place_that_comes_back_gets_what_waited(tmp_path: Path) -> None:
    (tmp_path / "place").write_bytes(b"a file where the folder should be")
    with writing(tmp_path / "place", tmp_path / "spool", rotate_seconds=0.2) as writer:
        writer.offer(exchange(1))
        until(lambda: writer.statistics()["errors_total"] > 0)
        (tmp_path / "place").unlink()
        until(lambda: ids(tmp_path / "place") == ["event-00000001"])


def test_what_a_closed_writer_could_not_deliver_the_next_one_does(tmp_path: Path) -> None:
    (tmp_path / "place").write_bytes(b"in the way")
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        writer.offer(exchange(1))
        writer.close(1.0)
    assert writer.statistics()["written_total"] == 1
    (tmp_path / "place").unlink()
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        writer.offer(exchange(2))
    assert ids(tmp_path / "place") == ["event-00000001", "event-00000002"]


def test_a_spool_that_cannot_be_written_costs_records_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"a file where the folder should be")
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        for number in range(10):
            assert writer.offer(exchange(number))
        found = settled(writer)
        assert (found["dropped_total"], found["written_total"]) == (10, 0)
        assert found["errors_total"] > 0


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A limit on the size of files refuses a write in its middle, as a full disk does."""
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        settled(writer)
        resource.prlimit(process_of(os.getpid()), resource.RLIMIT_FSIZE, (200_000, 200_000))
        for number in range(500):
            assert writer.offer(exchange(number, body=bytes(1000)))
        found = settled(writer)
    counts = Counts()
    kept = ids(tmp_path / "place", counts)
    assert 0 < len(kept) == found["written_total"] == 500 - found["dropped_total"]
    assert counts.broken.total() == 0


def test_two_writers_share_a_spool(tmp_path: Path) -> None:
    with (
        writing(tmp_path / "place", tmp_path / "spool", rotate_bytes=5000) as one,
        writing(tmp_path / "place", tmp_path / "spool", rotate_bytes=5000) as other,
    ):
        for number in range(500):
            (one, other)[number % 2].offer(exchange(number))
    assert sorted(ids(tmp_path / "place")) == EVERYTHING


def test_an_offer_after_the_end_is_a_drop(tmp_path: Path) -> None:
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        pass
    assert not writer.offer(exchange(1))
    assert writer.statistics()["dropped_total"] == 1
    writer.close()


def test_the_spool_is_this_users_folder_when_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with writing(tmp_path / "place", None) as writer:  # type: ignore[arg-type]
        writer.offer(exchange(1))
    (folder,) = tmp_path.glob("roadworthy-capture-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ids(tmp_path / "place") == ["event-00000001"]


WRONG = [
    {"sampling_percentage": 101.0},
    {"capture_options": ()},
    {"capture_options": ("REQUEST",)},
    {"rotate_seconds": 0.0},
    {"queue_bytes": -1},
    {"flush_seconds": float("nan")},
    {"variant": "../x"},
]


def test_memory_that_cannot_be_had_is_refused_at_once(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(InputError, match="bytes of memory to share, found File too large"):
            CaptureWriter(str(tmp_path), "signs")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("options", WRONG)
def test_what_cannot_be_is_refused_at_once(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected"):
        CaptureWriter(str(tmp_path), "signs", **options)  # type: ignore[arg-type]


def test_a_place_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(StorageError, match="expected file"):
        CaptureWriter("http://169.254.169.254/", "signs")


def test_the_process_takes_nothing_from_the_folder_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit('taken from the working folder')")
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
        "from tests.capture.traffic import exchange, writing; import pathlib\n"
        "if __name__ == '__main__':\n"
        "    with writing(pathlib.Path(sys.argv[1]) / 'place', pathlib.Path(sys.argv[1]) / 'spool') as writer:\n"
        "        writer.offer(exchange(1))\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program, str(tmp_path)], cwd=tmp_path, check=True, timeout=60)
    assert ids(tmp_path / "place") == ["event-00000001"]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.none() | st.binary(max_size=50), st.none() | TEXT), max_size=6))
def test_frames_give_back_what_was_packed(bodies: list[tuple[bytes | None, str | None]]) -> None:
    sent = [Exchange(str(n), n / 3, body, text, body, text, text, text) for n, (body, text) in enumerate(bodies)]
    assert list(frames.unpack(b"".join(frames.pack(sent)))) == sent
    requests, responses = frames.pack(sent, responses=False), frames.pack(sent, requests=False)
    assert list(frames.unpack(b"".join(requests))) == [one._replace(response=None) for one in sent]
    assert list(frames.unpack(b"".join(responses))) == [one._replace(request=None) for one in sent]


def test_a_processor_that_is_never_idle_delays_the_records_but_does_not_stop_them(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with writing(tmp_path / "place", tmp_path / "spool") as writer:
        settled(writer)
        process = process_of(os.getpid())
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
        busy = subprocess.Popen([sys.executable, "-c", "print()\nwhile True: pass"], stdout=subprocess.PIPE, bufsize=0)
        assert busy.stdout is not None
        try:
            os.sched_setaffinity(busy.pid, {core})
            busy.stdout.read(1)
            for number in range(5000):
                assert writer.offer(exchange(number, body=b"\xff" * 3000))
            found = settled(writer, 30)
        finally:
            busy.kill()
            busy.communicate()
    assert (found["written_total"], found["dropped_total"]) == (5000, 0)
