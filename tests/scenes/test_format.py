"""The scenes folder: what is written is read, the same pictures give the same files, and whatever differs is said."""

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

from components.data.scenes.dataset import ScenesWriter, Thing, read, verify
from components.errors import DatasetError
from components.images import encode_png

LABELS = ("a", "b", "c")
SIZE = (40, 30)
Pictures = list[tuple[str, int, list[Thing]]]
PICTURES: Pictures = [
    ("train", 0, [Thing(0, (1, 2, 30, 29.5)), Thing(2, (0, 0, 40, 30), difficult=True)]),
    ("train", 1, []),
    ("train", 2, [Thing(1, (0.1, 0.2, 0.3, 0.4), crowd=True)]),
    ("validation", 0, [Thing(0, (5, 5, 6, 6))]),
    ("test", 7, [Thing(2, (3, 4, 5, 6)), Thing(2, (3, 4, 5, 6))]),
]


def png(n: int) -> bytes:
    return encode_png(np.full((SIZE[1], SIZE[0], 3), n, np.uint8))


def write(folder: Path, pictures: Pictures = PICTURES, **changed: Any) -> Path:
    options = {"name": "n", "source": "s", "labels": LABELS, "seed": 5, "notes": ("said",), **changed}
    with ScenesWriter(folder, **options) as writer:
        for split, number, objects in pictures:
            writer.add(png(number), split=split, number=number, size=SIZE, objects=objects)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "scenes")


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_was_written_is_read(folder: Path) -> None:
    scenes = verify(folder)
    assert (scenes.name, scenes.source, scenes.seed, scenes.labels, scenes.notes) == ("n", "s", 5, LABELS, ("said",))
    assert scenes.counts == {"train": 3, "validation": 1, "test": 1}
    train = scenes.split("train")
    assert train.paths == ("images/train/000000.png", "images/train/000001.png", "images/train/000002.png")
    assert train.sizes.tolist() == [[40, 30]] * 3
    assert train.read_bytes(2) == png(2)
    first = train.objects(0)
    assert (first.class_ids.dtype, first.boxes.dtype) == (np.int32, np.float32)
    assert first.class_ids.tolist() == [0, 2]
    assert first.boxes.tolist() == [[1, 2, 30, 29.5], [0, 0, 40, 30]]
    assert first.difficult.tolist() == [False, True]
    assert train.objects(2).crowd.tolist() == [True]
    assert train.objects(2).boxes.tobytes() == np.array([[0.1, 0.2, 0.3, 0.4]], np.float32).tobytes()


def test_a_picture_without_objects_has_empty_arrays(folder: Path) -> None:
    nothing = read(folder).split("train").objects(1)
    assert (len(nothing), nothing.boxes.shape, nothing.class_ids.shape) == (0, (0, 4), (0,))


BOXES = st.tuples(*[st.integers(0, 38), st.integers(0, 28), st.floats(0.25, 1), st.floats(0.25, 1)])
THINGS = st.builds(
    lambda c, b, d, k: Thing(c, (b[0], b[1], b[0] + b[2], b[1] + b[3]), d, k),
    st.integers(0, 2),
    BOXES,
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=30)
@given(st.lists(st.lists(THINGS, max_size=4), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_makes_no_difference_and_all_comes_back(drawn: list[list[Thing]], lot: Any) -> None:
    pictures = [(("train", "test")[n % 2], n, objects) for n, objects in enumerate(drawn)]
    shuffled = [*pictures]
    lot.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as place:
        one, other = write(Path(place, "1"), pictures), write(Path(place, "2"), shuffled)
        assert files(one) == files(other)
        scenes = verify(one)
        for split, number, objects in pictures:
            found = scenes.split(split)
            back = found.objects(found.paths.index(f"images/{split}/{number:06d}.png"))
            assert back.boxes.tolist() == np.array([o.box for o in objects], np.float32).reshape(-1, 4).tolist()
            assert back.class_ids.tolist() == [o.class_id for o in objects]
            assert back.difficult.tolist() == [o.difficult for o in objects]
            assert back.crowd.tolist() == [o.crowd for o in objects]


@pytest.mark.parametrize(
    "changed",
    [
        [("train", 0, [Thing(0, (1, 2, 30, 29))])],
        [("train", 0, [Thing(1, (1, 2, 30, 29.5))])],
        [("train", 0, [Thing(0, (1, 2, 30, 29.5), difficult=True)])],
        [("train", 0, [Thing(0, (1, 2, 30, 29.5), crowd=True)])],
        [("test", 0, [Thing(0, (1, 2, 30, 29.5))])],
        [("train", 1, [Thing(0, (1, 2, 30, 29.5))])],
        [("train", 0, [])],
    ],
    ids=["box", "class", "difficult", "crowd", "split", "picture", "none"],
)
def test_another_content_has_another_digest(tmp_path: Path, changed: Pictures) -> None:
    one = read(write(tmp_path / "1", [("train", 0, [Thing(0, (1, 2, 30, 29.5))])]))
    other = read(write(tmp_path / "2", changed))
    assert one.digest != other.digest


def test_name_source_seed_and_a_minus_before_zero_leave_the_digest_alone(tmp_path: Path) -> None:
    one = read(write(tmp_path / "1", [("train", 0, [Thing(0, (0.0, 0, 9, 9))])]))
    other = read(write(tmp_path / "2", [("train", 0, [Thing(0, (-0.0, 0, 9, 9))])], name="x", source="y", seed=9))
    assert one.digest == other.digest


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),
        (5, 9, 9, 5),
        (-0.5, 0, 9, 9),
        (0, 0, 40.5, 9),
        (0, 0, 9, 31),
        (NAN, 0, 9, 9),
        (0, 0, INF, 9),
        (8, 8, 8 + 1e-9, 9),
    ],
    ids=str,
)
def test_a_box_outside_or_without_area_is_refused(tmp_path: Path, box: Any) -> None:
    with pytest.raises(DatasetError, match="expected a box inside 40 × 30 pixels, found"):
        write(tmp_path / "scenes", [("train", 0, [Thing(0, box)])])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "dev"}, "expected a path like"),
        ({"number": 1_000_000}, "a number from 0 to 999999"),
        ({"extension": "gif"}, "expected png or jpg"),
        ({"size": (0, 30)}, "expected sides over 0"),
        ({"objects": [Thing(3, (0, 0, 1, 1))]}, "expected a class from 0 to 2, found 3"),
        ({"number": 0}, "expected once, found twice"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_out_of_range_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    given = {"split": "train", "number": 1, "size": SIZE, "objects": [], **change}
    writer = ScenesWriter(tmp_path / "s", name="n", source="s", labels=LABELS, seed=0)
    writer.add(png(0), split="train", number=0, size=SIZE)
    with pytest.raises(DatasetError, match=message):
        writer.add(png(1), **given)


def test_one_number_cannot_have_two_pictures(tmp_path: Path) -> None:
    writer = ScenesWriter(tmp_path / "s", name="n", source="s", labels=LABELS, seed=0)
    writer.add(png(0), split="train", number=0, size=SIZE)
    writer.add(png(0), split="train", number=0, size=SIZE, extension="jpg")
    with pytest.raises(DatasetError, match="images/train/000000: expected one picture, found 2"):
        writer.__exit__(None, None, None)


def test_labels_come_once_and_a_dataset_has_pictures(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a label once, found 'a' twice"):
        write(tmp_path / "1", labels=("a", "b", "a"))
    with pytest.raises(DatasetError, match="expected pictures, found none"):
        write(tmp_path / "2", [])
    with pytest.raises(DatasetError, match="expected an empty folder"):
        write(tmp_path)


def about(**changed: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "dataset.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return change


def column(table: str, name: str, values: Callable[[list[Any]], list[Any]]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        found = pq.read_table(folder / table)
        i = found.schema.get_field_index(name)
        array = pa.array(values(found.column(i).to_pylist()), found.schema.field(i).type)
        pq.write_table(found.set_column(i, found.schema.field(i), array), folder / table)

    return change


def swap_for_another(folder: Path) -> None:
    pq.write_table(pa.table({"path": ["x"]}), folder / "objects.parquet")


def other_size(folder: Path) -> None:
    column("images.parquet", "width", lambda widths: [41, *widths[1:]])(folder)


def link(folder: Path) -> None:
    path = folder / "images/train/000000.png"
    path.rename(folder.parent / "elsewhere.png")
    os.symlink(folder.parent / "elsewhere.png", path)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (
            lambda f: (f / "images/train/000000.png").write_bytes(png(9)),
            ["expected the bytes with the sha"],
        ),
        (lambda f: (f / "images/train/000000.png").unlink(), ["000000.png: expected a file, found none"]),
        (lambda f: (f / "images/x.png").touch(), ["images/x.png: expected nothing"]),
        (link, ["000000.png: expected a plain file, found a link"]),
        (other_size, ["expected 41 × 30 pixels, found 40 × 30"]),
        (lambda f: (f / "objects.parquet").unlink(), ["expected objects.parquet, found none"]),
        (swap_for_another, ["objects.parquet: expected the columns path, class_id, label"]),
        (lambda f: (f / "images.parquet").write_bytes(b"PAR1"), ["images.parquet: expected Parquet"]),
        (lambda f: (f / "dataset.json").write_text("{" * 100_000), ["expected a dataset's description"]),
        (about(task="classification"), ["the task 'detection', found 1 and 'classification'"]),
        (about(format=2), ["expected the format 1"]),
        (about(notes=[1]), ["expected a list of"]),
        (about(labels="abc"), [r"labels \(list\)"]),
        (about(digest="sha256:0", counts={}), ["expected the counts", "expected the digest sha256:"]),
        (
            column("objects.parquet", "x2", lambda xs: [NAN, 99.0, *xs[2:]]),
            ["found .*nan", "found .*99.0", "expected the digest"],
        ),
        (
            column("objects.parquet", "path", lambda ps: ["images/train/5.png", *ps[1:]]),
            ["a picture for each"],
        ),
        (column("images.parquet", "path", lambda ps: ["../../etc/x.png", *ps[1:]]), ["expected a path like"]),
    ],
    ids=range(17),
)
def test_whatever_differs_is_said_all_at_once(folder: Path, change: Callable[[Path], Any], messages: list[str]) -> None:
    change(folder)
    for message in messages:
        with pytest.raises(DatasetError, match=message):
            verify(folder)


def test_a_changed_picture_is_found_when_it_is_read(folder: Path) -> None:
    train = read(folder).split("train")
    (folder / train.paths[1]).write_bytes(png(99))
    with pytest.raises(DatasetError, match=r"000001\.png: expected the bytes"):
        train.read_bytes(1)
    with pytest.raises(DatasetError, match="expected a split among"):
        read(folder).split("val")
