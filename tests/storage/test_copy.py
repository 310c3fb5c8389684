"""``python -m components.storage``: what a workflow takes up from a place arrives whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.storage import Place
from components.storage.__main__ import main


@pytest.fixture
def filled(folder: Place) -> Place:
    for name, data in {"a.txt": b"a", "below/b ü.txt": b"b", "below/deep/c": b""}.items():
        folder.child(name).write_bytes(data)
    return folder


def tree(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_a_folder_arrives_with_all_that_is_below_it(filled, tmp_path):
    assert main([filled.uri, str(tmp_path / "out" / "data")]) == 0
    assert tree(tmp_path / "out") == {"data/a.txt": b"a", "data/below/b ü.txt": b"b", "data/below/deep/c": b""}


def test_a_file_arrives_as_a_file(filled, tmp_path):
    assert main([filled.child("below", "b ü.txt").uri, str(tmp_path / "out" / "data")]) == 0
    assert tree(tmp_path / "out") == {"data": b"b"}


def test_nothing_is_an_error_of_one_line_and_leaves_nothing(filled, tmp_path, capsys):
    absent = filled.child("absent")
    assert main([absent.uri, str(tmp_path / "out" / "data")]) == 1
    assert capsys.readouterr().err == f"storage: expected a file or folder at {absent.uri}, found nothing\n"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("uri", ["https://example.com/model", "s3://../a", "ftp://host/a", ""])
def test_other_places_are_refused(uri, tmp_path, capsys):
    assert main([uri, str(tmp_path / "data")]) == 1
    assert capsys.readouterr().err.startswith("storage: expected ")
    assert not (tmp_path / "data").exists()


def test_a_wrong_command_line_says_what_it_takes(capsys):
    assert main(["one"]) == 2
    assert "expected a place and a path" in capsys.readouterr().err
