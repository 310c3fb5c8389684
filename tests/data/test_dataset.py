"""The dataset folder: what is written is read, the same input gives the same bytes, and whatever differs is said."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data.classes import LABELS
from components.data.dataset import DatasetWriter, read, verify
from components.data.index import path_of, place_of
from components.errors import DatasetError

SIZE, BOX = (40, 30), (4, 3, 36, 27)
IMAGES = [
    (class_id, track, frame, split)
    for class_id in (0, 2)
    for track, split in enumerate(("train", "train", "validation", "test"))
    for frame in range(3)
]


def write(folder: Path, images: list[tuple[int, int, int, str]] = IMAGES, **changed: Any) -> Path:
    with DatasetWriter(folder, name="signs", source="rendered", labels=("a", "b", "c"), seed=5) as writer:
        for class_id, track, frame, split in images:
            data = f"image {class_id} {track} {frame}".encode()
            given = {"class_id": class_id, "track": track, "frame": frame, "split": split, "size": SIZE, "box": BOX}
            writer.add(data, **{**given, **changed})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "dataset")


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_was_written_is_read(folder: Path) -> None:
    dataset = verify(folder)
    assert (dataset.name, dataset.source, dataset.seed, dataset.labels) == ("signs", "rendered", 5, ("a", "b", "c"))
    assert dataset.counts == {"train": 12, "validation": 6, "test": 6}
    train = dataset.split("train")
    assert len(train) == 12
    assert train.paths[:2] == ("images/00000/00000_00000.png", "images/00000/00000_00001.png")
    assert train.tracks[-1] == "00002/00001"
    assert train.class_ids.dtype == np.int32
    assert train.class_ids.tolist() == [0] * 6 + [2] * 6
    assert train.boxes.tolist() == [list(BOX)] * 12
    assert train.read_bytes(11) == b"image 2 1 2"
    assert len(dataset.split("test")) == 6


def test_index_and_description_are_readable_by_anyone(folder: Path) -> None:
    table = pq.read_table(folder / "index.parquet")
    assert table.column_names == [
        *("path", "class_id", "label", "track", "frame", "split", "width", "height"),
        *("x1", "y1", "x2", "y2", "sha256"),
    ]
    assert all(table.schema.field(name).type == pa.int32() for name in ("class_id", "frame", "x1", "width"))
    about = json.loads((folder / "dataset.json").read_text())
    assert about["format"] == 1
    assert about["counts"] == {"train": 12, "validation": 6, "test": 6}
    assert about["digest"] == read(folder).digest


@settings(max_examples=20)
@given(st.permutations(IMAGES))
def test_the_order_of_adding_makes_no_difference(images: list[tuple[int, int, int, str]]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        assert files(write(Path(first))) == files(write(Path(second), images))


def test_the_digest_tells_content_apart_and_nothing_else(tmp_path: Path) -> None:
    same = write(tmp_path / "a")
    with DatasetWriter(tmp_path / "b", name="other", source="s3://b/k", labels=("x", "y", "z"), seed=9) as writer:
        for class_id, track, frame, split in IMAGES:
            data = f"image {class_id} {track} {frame}".encode()
            writer.add(data, class_id=class_id, track=track, frame=frame, split=split, size=SIZE, box=BOX)
    assert read(same).digest == read(tmp_path / "b").digest
    moved = [(c, t, f, "train" if split == "test" else split) for c, t, f, split in IMAGES]
    assert read(write(tmp_path / "c", moved)).digest != read(same).digest
    assert read(write(tmp_path / "d", IMAGES[:-1])).digest != read(same).digest


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"class_id": 3}, "expected a class from 0 to 2, found 3"),
        ({"class_id": -1}, "expected a class from 0 to 2, found -1"),
        ({"split": "dev"}, "expected a split among train, validation, test, found 'dev'"),
        ({"box": (4, 3, 41, 27)}, "expected a box inside 40 × 30"),
        ({"box": (4, 3, 4, 27)}, "expected a box inside"),
        ({"box": (-1, 3, 4, 27)}, "expected a box inside"),
        ({"track": 100_000}, "from 0 to 99999"),
        ({"frame": -1}, "from 0 to 99999"),
        ({"extension": "gif"}, "found 'gif'"),
    ],
)
def test_an_image_that_makes_no_sense_is_not_taken(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        write(tmp_path / "dataset", IMAGES[:1], **changed)


def test_an_image_is_taken_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected once, found twice"):
        write(tmp_path / "dataset", [IMAGES[0], IMAGES[0]])


def test_a_track_in_two_splits_is_refused_at_the_end(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="track 00000/00001: expected in one split, found in test, train"):
        write(tmp_path / "dataset", [(0, 1, 0, "train"), (0, 1, 1, "test")])
    with pytest.raises(DatasetError, match=r"expected a dataset's description"):
        read(tmp_path / "dataset")


def test_a_dataset_without_images_and_a_folder_with_files_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected images, found none"):
        write(tmp_path / "none", [])
    with pytest.raises(DatasetError, match="expected an empty folder"):
        write(folder)


def test_verify_says_all_that_differs(folder: Path) -> None:
    (folder / "images/00000/00000_00000.png").unlink()
    (folder / "images/00000/00000_00001.png").write_bytes(b"another")
    (folder / "images/00002/extra.png").write_bytes(b"extra")
    target = folder / "images/00002/00000_00000.png"
    target.rename(folder.parent / "elsewhere.png")
    os.symlink(folder.parent / "elsewhere.png", target)
    with pytest.raises(DatasetError) as caught:
        verify(folder)
    for expected in (
        "images/00000/00000_00000.png: expected a file, found none",
        "images/00000/00000_00001.png: expected the bytes with the sha256",
        "images/00002/extra.png: expected nothing, found a file",
        "images/00002/00000_00000.png: expected a plain file, found a link",
    ):
        assert expected in str(caught.value)


def test_reading_an_image_checks_its_bytes(folder: Path) -> None:
    train = read(folder).split("train")
    (folder / train.paths[0]).write_bytes(b"another")
    (folder / train.paths[1]).unlink()
    with pytest.raises(DatasetError, match=r"00000_00000.png: expected the bytes with the sha256"):
        train.read_bytes(0)
    with pytest.raises(DatasetError, match=r"00000_00001.png: expected an image, found none"):
        train.read_bytes(1)


def rewrite(folder: Path, change: Callable[[dict[str, list[Any]]], None]) -> None:
    """Changes the index behind the writer's back; the schema stays."""
    table = pq.read_table(folder / "index.parquet")
    columns = table.to_pydict()
    change(columns)
    pq.write_table(pa.table(columns, schema=table.schema), folder / "index.parquet", store_schema=False)


def put(column: str, value: Any) -> Callable[[dict[str, list[Any]]], None]:
    return lambda columns: columns[column].__setitem__(0, value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("class_id", 43, "expected a class from 0 to 2, found 43"),
        ("class_id", 1, "expected the label 'b', found 'a'"),
        ("label", "<script>", "expected the label 'a', found '<script>'"),
        ("path", "../../etc/passwd", "expected a path like images"),
        ("path", "images/00000/../x.png", "expected a path like images"),
        ("path", "images/00000/00000_00001.png", "expected once, found twice"),
        ("track", "00000/00002", "track 00000/00002: expected in one split, found in train, validation"),
        ("frame", 7, "expected class, track and frame"),
        ("split", "dev", "expected a split among"),
        ("split", "test", "track 00000/00000: expected in one split"),
        ("x2", 41, "expected a box inside"),
        ("sha256", "0" * 63, "expected a sha256"),
        ("sha256", "0" * 64, "expected the digest"),
    ],
)
def test_an_index_that_lies_is_refused(column: str, value: Any, message: str, folder: Path) -> None:
    rewrite(folder, put(column, value))
    with pytest.raises(DatasetError, match=message):
        read(folder)


def test_a_row_less_is_noticed(folder: Path) -> None:
    rewrite(folder, lambda columns: [values.pop() for values in columns.values()] and None)
    with pytest.raises(DatasetError, match=r"expected the counts .*; dataset.json: expected the digest"):
        read(folder)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"path": ["images/00000/00000_00000.png"]}),
        pa.table({"secret": pa.array([None] * 5)}),
    ],
)
def test_an_index_with_other_columns_is_refused(table: pa.Table, folder: Path) -> None:
    pq.write_table(table, folder / "index.parquet")
    with pytest.raises(DatasetError, match=r"index.parquet: expected the columns path, class_id"):
        read(folder)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(200) + b"PAR1", b"no parquet"])
def test_an_index_that_is_no_parquet_is_refused(data: bytes, folder: Path) -> None:
    (folder / "index.parquet").write_bytes(data)
    with pytest.raises(DatasetError, match=r"index.parquet: expected Parquet"):
        read(folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "nonsense", "[" * 100_000, '{"format": 1}', " " * 2_000_000],
    ids=["empty", "list", "object", "text", "deep", "short", "long"],
)
def test_a_description_that_is_none_is_refused(text: str, folder: Path) -> None:
    (folder / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=r"dataset.json: expected"):
        read(folder)


@pytest.mark.parametrize(("key", "value"), [("format", 2), ("labels", []), ("labels", [1, 2, 3]), ("digest", None)])
def test_a_description_of_another_kind_is_refused(key: str, value: Any, folder: Path) -> None:
    about = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**about, key: value}))
    with pytest.raises(DatasetError, match=r"dataset.json: expected"):
        read(folder)


def test_an_empty_folder_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a dataset's description"):
        read(tmp_path)


def test_there_are_three_splits(folder: Path) -> None:
    with pytest.raises(DatasetError, match="found 'dev'"):
        read(folder).split("dev")


numbers = st.integers(0, 99_999)


@given(numbers, numbers, numbers, st.sampled_from(["png", "jpg", "jpeg"]))
def test_a_path_says_where_its_image_belongs(class_id: int, track: int, frame: int, extension: str) -> None:
    found = place_of(path_of(class_id, track, frame, extension))
    assert found == (class_id, f"{class_id:05d}/{track:05d}", frame)


def test_the_classes_are_those_of_the_benchmark() -> None:
    assert len(LABELS) == len(set(LABELS)) == 43
    assert (LABELS[0], LABELS[14], LABELS[25]) == ("Speed limit (20 km/h)", "Stop", "Road work")
