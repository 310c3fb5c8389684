"""The reader: windows, broken lines, memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.capture.lines import TooLong, lines
from components.capture.reader import Counts, read
from components.capture.record import Exchange, encode, file_name, folder
from components.errors import InputError, StorageError
from components.storage import place
from tests.capture.traffic import exchange, ids

ROOT = Path(__file__).resolve().parents[2]
NOON = 1_644_840_000.0  # 2022-02-14T12:00:00Z


def put(root: Path, seconds: float, content: bytes, name: str = "a", endpoint: str = "signs") -> Path:
    """Writes a record file into the hour folder of a time."""
    path = root / folder(endpoint, "AllTraffic", seconds) / file_name(seconds, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def events(*numbers: int, seconds: float = NOON) -> bytes:
    return b"".join(encode(exchange(number, seconds)) for number in numbers)


def test_the_window_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    put(tmp_path, NOON, b"".join(encode(exchange(n, NOON + n)) for n in range(5)))
    found = [one.event_id for one in read(str(tmp_path), start=NOON + 1, end=NOON + 3)]
    assert found == ["event-00000001", "event-00000002"]


def test_a_record_in_the_neighbouring_hours_file_is_found(tmp_path: Path) -> None:
    put(tmp_path, NOON - 1, events(1))
    put(tmp_path, NOON + 3600, events(2))
    assert [one.event_id[-1] for one in read(str(tmp_path), start=NOON, end=NOON + 60)] == ["1", "2"]


def test_folders_outside_the_window_are_not_opened(tmp_path: Path) -> None:
    for days in (-400, -31, -1, 1, 31, 400):
        put(tmp_path, NOON + days * 86400, b"never read\n")
    put(tmp_path, NOON, events(1))
    counts = Counts()
    assert len(list(read(str(tmp_path), start=NOON, end=NOON + 60, counts=counts))) == 1
    assert (counts.files, counts.broken.total()) == (1, 0)


@given(st.lists(st.integers(0, 253_402_300_799), max_size=6), st.integers(0, 253_402_300_799), st.integers(0, 10**8))
def test_every_record_of_the_window_is_found_wherever_it_lies_on_the_axis(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], start: int, length: int
) -> None:
    root = tmp_path_factory.mktemp("axis")
    for number, seconds in enumerate(times):
        put(root, seconds, events(number, seconds=seconds), name=str(number))
    found = sorted(int(one.time) for one in read(str(root), start=start, end=start + length))
    assert found == sorted(seconds for seconds in times if start <= seconds < start + length)


def test_endpoints_and_variants_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, NOON, events(1), endpoint="signs")
    put(tmp_path, NOON, events(2), endpoint="signs-evil")
    assert [one.event_id[-1] for one in read(str(tmp_path), "signs")] == ["1"]
    assert [one.event_id[-1] for one in read(str(tmp_path))] == ["2", "1"]  # by key
    assert list(read(str(tmp_path), "signs", "another")) == []
    with pytest.raises(InputError):
        list(read(str(tmp_path), "../signs"))


def test_an_empty_place_and_an_empty_file_hold_nothing(tmp_path: Path) -> None:
    assert ids(tmp_path / "nothing") == []
    put(tmp_path, NOON, b"")
    assert ids(tmp_path) == []


def test_files_of_others_and_half_written_ones_are_not_read(tmp_path: Path) -> None:
    path = put(tmp_path, NOON, events(1))
    (path.parent / ".a.jsonl.0123.partial").write_bytes(events(2))
    (path.parent / "notes.txt").write_bytes(events(3))
    (path.parents[1] / "loose.jsonl").write_bytes(events(4))
    (path.parents[3] / "9999").mkdir()
    (path.parents[3] / "99999").mkdir()
    (path.parents[3] / "tmp" / "02").mkdir(parents=True)
    assert ids(tmp_path) == ["event-00000001"]


BROKEN = {
    "cut": (events(2)[:-40], "cut"),
    "empty object": (b"{}\n", "not_a_record"),
    "a number": (b"1\n", "not_a_record"),
    "no json": (b'{"captureData"\n', "not_json"),
    "nul": (b"\0\0\0" + events(2), "not_json"),
    "invalid utf-8": (events(2).replace(b"event-", b"\xff\xfe"), "not_utf8"),
    "too long": (b'{"' + 200_000 * b"x" + b'"}\n', "too_long"),
    "deep": (50_000 * b"[" + b"\n", "not_json"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_counted_by_its_reason_and_costs_no_other(tmp_path: Path, name: str) -> None:
    broken, reason = BROKEN[name]
    after = b"" if reason == "cut" else events(3)
    put(tmp_path, NOON, events(1) + broken + after, name="a")
    put(tmp_path, NOON, events(4), name="b")
    counts = Counts()
    found = [one.event_id[-1] for one in read(str(tmp_path), counts=counts, line_limit=100_000)]
    assert found == ["1", *(["3"] if after else []), "4"]
    assert set(counts.broken) == {reason}
    assert counts.broken.total() == 1
    assert counts.records == len(found)


def test_bom_crlf_blank_lines_and_a_missing_last_newline_are_tolerated(tmp_path: Path) -> None:
    put(tmp_path, NOON, b"\xef\xbb\xbf" + events(1).replace(b"\n", b"\r\n") + b"\n  \r\n" + events(2).rstrip(b"\n"))
    counts = Counts()
    assert ids(tmp_path, counts) == ["event-00000001", "event-00000002"]
    assert counts.broken.total() == 0


@given(st.binary(max_size=400))
def test_any_bytes_between_records_leave_them_readable(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    root = tmp_path_factory.mktemp("junk")
    put(root, NOON, events(1) + junk + b"\n" + events(2))
    assert ids(root) == ["event-00000001", "event-00000002"]


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(1, 12), st.integers(0, 40))
def test_lines_are_those_of_split_with_the_long_ones_marked(pieces: list[bytes], chunk: int, limit: int) -> None:
    data = b"\n".join(pieces)
    found = [(None if isinstance(line, TooLong) else line) for line, _ in lines(_Slow(data, chunk), limit)]
    expected = data.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert found == [line if len(line) <= limit else None for line in expected]


class _Slow:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, chunk: int) -> None:
        self.data, self.chunk = data, chunk

    def read(self, _: int) -> bytes:
        found, self.data = self.data[: self.chunk], self.data[self.chunk :]
        return found


def test_times_with_offsets_and_fractions_fall_into_the_right_window(tmp_path: Path) -> None:
    line = events(1)
    for number, text in enumerate([b"2022-02-14T13:00:00+01:00", b"2022-02-14T12:00:00.999Z", b"2022-02-14T12:00:01Z"]):
        put(tmp_path, NOON, line.replace(b"2022-02-14T12:00:00Z", text), name=str(number))
    assert [one.time - NOON for one in read(str(tmp_path), start=NOON, end=NOON + 1)] == [0, pytest.approx(0.999)]


def test_an_unreadable_place_is_an_error_and_not_an_empty_window(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        ids(tmp_path / "file")


def test_a_bucket_is_read_like_a_folder(tmp_path: Path, bucket: str) -> None:
    for number in range(3):
        path = put(tmp_path, NOON + number, events(number, 10 + number))
        place(bucket).child(path.relative_to(tmp_path).as_posix()).put_file(path)
    assert ids(bucket) == ids(tmp_path) != []


def test_memory_stays_the_same_whatever_the_files_hold(tmp_path: Path) -> None:
    body = os.urandom(150_000)
    line = encode(Exchange("e", NOON, body, "image/jpeg", b"[[1]]", "application/json"))
    with put(tmp_path, NOON, b"", name="many").open("wb") as many:
        for _ in range(600):  # 120 MB
            many.write(line)
    with put(tmp_path, NOON, b"", name="one").open("wb") as one:
        for _ in range(100):  # one line of 100 MB
            one.write(b"x" * 1_000_000)
    program = (
        "import resource, sys; from components.capture.reader import Counts, read; counts = Counts()\n"
        "first = next(read(sys.argv[1])); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "n = sum(1 for _ in read(sys.argv[1], counts=counts, line_limit=8 << 20))\n"
        "print(n, dict(counts.broken), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, rest = done.stdout.split(" ", 1)
    broken, grown = rest.rsplit(" ", 1)
    assert (count, broken) == ("600", "{'too_long': 1}")
    assert int(grown) < 40_000  # KiB: the limit of 8 MiB, some chunks of 1 MiB, the allocator
