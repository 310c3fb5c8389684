"""What holds for files only."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from components.errors import StorageError
from components.storage import place


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    target = place(str(tmp_path / "file"))
    contents = [bytes([letter]) * 300_000 for letter in b"abc"]
    target.write_bytes(contents[0])
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(60):
            target.write_bytes(contents[turn % 3])
        done.set()

    threading.Thread(target=rewrite).start()
    seen = 0
    while not done.is_set():
        assert target.read_bytes() in contents
        assert [entry.place.name for entry in place(str(tmp_path)).files()] == ["file"]
        seen += 1
    assert seen > 0
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    (tmp_path / "a" / "file").write_bytes(b"x")
    assert [entry.place.name for entry in place(str(tmp_path)).files()] == ["file"]


def test_pipes_and_sockets_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert list(place(str(tmp_path)).files()) == []


@pytest.mark.parametrize("doing", ["write_bytes", "read_bytes", "files"])
def test_a_file_in_the_way_is_a_storage_error(tmp_path: Path, doing: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    below = place(str(tmp_path / "file")).child("below")
    with pytest.raises(StorageError, match="below"):
        {"write_bytes": lambda: below.write_bytes(b""), "read_bytes": below.read_bytes, "files": below.entries}[doing]()


def test_an_undecodable_name_is_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.bin")).write_bytes(b"x")
    (entry,) = place(str(tmp_path)).files()
    assert entry.place.read_bytes() == b"x"
    assert place(entry.place.uri) == entry.place
