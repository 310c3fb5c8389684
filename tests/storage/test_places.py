"""The same laws for every kind of place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import StorageError
from components.storage import Place, place


def test_what_is_written_is_read(folder: Place) -> None:
    for data in (b"", b"a", os.urandom(3_000_000)):
        target = folder.child("one", "two/three.bin")
        target.write_bytes(data)
        assert target.read_bytes() == data
        with target.open() as stream:
            assert stream.read(10) + stream.read() == data


def test_a_write_replaces_what_was_there(folder: Place) -> None:
    folder.child("a").write_bytes(b"a longer text")
    folder.child("a").write_bytes(b"short")
    assert folder.child("a").read_bytes() == b"short"


def test_files_are_listed_by_key_with_size_and_time(folder: Place) -> None:
    for name in ("b", "a/z", "a.txt", "a/b/c", "a-1", "C"):
        folder.child(name).write_bytes(name.encode())
    found = list(folder.files())
    keys = [entry.place.uri.removeprefix(folder.uri + "/") for entry in found]
    assert keys == sorted(keys) == ["C", "a-1", "a.txt", "a/b/c", "a/z", "b"]
    assert [entry.size for entry in found] == [len(key) for key in keys]
    assert all(abs(entry.modified - os.stat(__file__).st_atime) < 10 * 365 * 86400 for entry in found)
    assert [entry.place.name for entry in folder.files(recursive=False)] == ["C", "a-1", "a.txt", "b"]


def test_a_prefix_that_looks_alike_is_another_folder(folder: Place) -> None:
    folder.child("models/x").write_bytes(b"")
    folder.child("models-evil/y").write_bytes(b"")
    assert [entry.place.name for entry in folder.child("models").files()] == ["x"]


def test_a_missing_folder_lists_as_empty_and_a_missing_file_is_an_error(folder: Place) -> None:
    assert list(folder.child("nothing").files()) == []
    assert not folder.child("nothing").exists()
    with pytest.raises(StorageError, match="nothing"):
        folder.child("nothing").read_bytes()
    folder.child("nothing").delete()


def test_existing_and_deleting(folder: Place) -> None:
    folder.child("a/b").write_bytes(b"1")
    assert folder.child("a/b").exists()
    assert folder.child("a").exists()
    folder.child("a/b").delete()
    assert not folder.child("a/b").exists()


def test_a_limit_refuses_one_byte_more(folder: Place) -> None:
    folder.child("a").write_bytes(b"12345")
    assert folder.child("a").read_bytes(limit=5) == b"12345"
    with pytest.raises(StorageError, match="at most 4 bytes"):
        folder.child("a").read_bytes(limit=4)


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
@pytest.mark.parametrize("move", [False, True])
def test_a_file_is_put_and_only_a_move_takes_it_away(folder: Place, tmp_path: Path, size: int, move: bool) -> None:
    source = tmp_path / "source"
    data = os.urandom(size)
    source.write_bytes(data)
    folder.child("deep/file").put_file(source, move=move)
    assert folder.child("deep/file").read_bytes() == data
    assert source.exists() is not move


def test_a_missing_source_is_an_error(folder: Place, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        folder.child("a").put_file(tmp_path / "nothing")
    assert not folder.child("a").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "a//b", "/a", "a/", "a\0b", "a\nb", "../x"])
def test_a_name_that_would_leave_or_hide_is_refused(folder: Place, name: str) -> None:
    with pytest.raises(StorageError, match="expected a key"):
        folder.child(name)


NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(NAMES, max_size=5))
def test_a_child_stays_below_its_folder_or_is_refused(names: list[str]) -> None:
    for root in (place("file:///data/captured"), place("s3://bucket/captured")):
        try:
            below = root.child(*names)
        except StorageError:
            continue
        assert below.uri == root.uri or below.uri.startswith(root.uri + "/")
        assert place(below.uri) == below
        if below.local:
            assert below.local.resolve().is_relative_to("/data/captured")


GOOD = {
    "file:///a/b": "file:///a/b",
    "FILE:///a/b/": "file:///a/b",
    "file:/a": "file:///a",
    "file://localhost/a%20b": "file:///a%20b",
    "/a/../b c": "file:///b%20c",
    "s3://bucket": "s3://bucket",
    "S3://bucket/a/b/": "s3://bucket/a/b",
    "s3://bucket/a%2fb": "s3://bucket/a%2fb",
}


@pytest.mark.parametrize("uri", GOOD)
def test_a_uri_is_read(uri: str) -> None:
    assert place(uri).uri == GOOD[uri]
    assert place(place(uri).uri) == place(uri)


BAD = [
    *("", "\0", "a\0b", "http://169.254.169.254/latest", "https://x/y", "gopher://x", "s3:bucket", "gs://b/k", "C:\\x"),
    *("file://host/a", "file:a", "file:///a/../b", "file:///a//b", "file:///a%2fb", "file:///%2e%2e/b", "file:///a%00"),
    *("file:///a?b", "s3://", "s3:///k", "s3://b", "s3://Bucket/k", "s3://bucket//k", "s3://bucket/a/../b"),
    *("s3://user:password@bucket/k", "s3://bucket?endpoint_override=169.254.169.254", "s3://bu..cket/k"),
    "s3://bucket/" + 1025 * "k",
]


@pytest.mark.parametrize("uri", BAD)
def test_what_is_not_allowed_is_refused_without_showing_credentials(uri: str) -> None:
    with pytest.raises(StorageError, match="expected") as raised:
        place(uri)
    assert "password" not in str(raised.value)
    assert "169.254" not in str(raised.value) or "http://" in str(raised.value)


def test_a_relative_path_is_the_shells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place("../x").local == tmp_path.parent / "x"
    assert place("~/x").local == Path.home() / "x"
