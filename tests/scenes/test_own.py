"""Pascal VOC's and COCO's layouts: both give the scenes that were written, whatever is wrong is said of all files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.data.scenes import coco, voc
from components.data.scenes.conversion import convert
from components.data.scenes.dataset import Scenes, verify
from components.data.scenes.files import listed
from components.errors import DatasetError
from tests.scenes import own_copy as copy

BOMB = (
    '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    "<annotation><object><name>&c;</name></object></annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation><size>&x;</size></annotation>'


def read(kind: Any, place: Path, folder: Path, *classes: str, seed: int = 0, **counts: int) -> Scenes:
    files = listed(str(place))
    pictures, labels = kind.read(files, classes)
    options = {"name": "own", "source": "s", "labels": labels, "only": bool(classes), "seed": seed, "counts": counts}
    convert(files, pictures, folder, **options)
    return verify(folder)


def content(scenes: Scenes) -> dict[bytes, tuple[str, list[tuple[Any, ...]]]]:
    """Of each picture, by its bytes: its split and what it shows."""
    found = {}
    for name in scenes.counts:
        split = scenes.split(name)
        for i, path in enumerate(split.paths):
            rows = scenes.rows.get(path, ())
            found[split.read_bytes(i)] = (name, [(r.label, *r.box, r.difficult or r.crowd) for r in rows])
    return found


def expected(splits: dict[str, str], labels: tuple[str, ...] = ("cat", "dog", "owl")) -> dict[bytes, Any]:
    return {copy.picture(n): (s, [o for o in copy.OBJECTS[n] if o[0] in labels]) for n, s in splits.items()}


SPLITS = {"a1": "train", "a2": "train", "a3": "train", "b1": "validation", "b2": "test"}


def test_voc_gives_what_was_written(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "VOC2007", {"train": ["a1", "a2", "a3"], "val": ["b1"], "test": ["b2"]})
    scenes = read(voc, place, tmp_path / "out")
    assert content(scenes) == expected(SPLITS)
    assert scenes.labels == ("cat", "dog", "owl")
    assert scenes.notes == ()
    assert not any(row.crowd for rows in scenes.rows.values() for row in rows)


def test_coco_gives_what_was_written(tmp_path: Path) -> None:
    place = copy.coco(tmp_path / "coco", {"train2017": ["a1", "a2", "a3"], "val2017": ["b1"], "test2017": ["b2"]})
    scenes = read(coco, place, tmp_path / "out")
    assert content(scenes) == expected(SPLITS)
    assert scenes.labels == ("cat", "dog", "owl")  # in the order of their ids: 3, 18, 90
    assert not any(row.difficult for rows in scenes.rows.values() for row in rows)


@pytest.mark.parametrize("kind", [voc, coco], ids=["voc", "coco"])
def test_only_the_classes_that_were_asked_are_taken(tmp_path: Path, kind: Any) -> None:
    if kind is voc:
        copy.voc(tmp_path / "in", {"train": ["a1", "a2", "a3"], "val": ["b1"], "test": ["b2"]})
    else:
        copy.coco(tmp_path / "in", {"train": ["a1", "a2", "a3"], "val": ["b1"], "test": ["b2"]})
    scenes = read(kind, tmp_path / "in", tmp_path / "out", "owl", "cat")
    kept = {name: split for name, split in SPLITS.items() if name != "a3"}
    assert content(scenes) == expected(kept, ("owl", "cat"))
    assert scenes.labels == ("owl", "cat")
    assert scenes.notes == ("left out, since they show none of the classes: 1 of 5 pictures",)
    with pytest.raises(DatasetError, match="'unicorn', found none"):
        read(kind, tmp_path / "in", tmp_path / "other", "unicorn")


def test_a_devkit_with_several_years_is_read_whole(tmp_path: Path) -> None:
    copy.voc(tmp_path / "kit" / "VOC2007", {"trainval": ["a1", "a2"], "test": ["b2"]})
    copy.voc(tmp_path / "kit" / "VOC2012", {"train": ["b1"], "val": ["a3"], "trainval": ["b1", "a3"]})
    found = content(read(voc, tmp_path / "kit", tmp_path / "out"))
    assert found == expected({"a1": "train", "a2": "train", "b1": "train", "a3": "validation", "b2": "test"})


@pytest.mark.parametrize("kind", [voc, coco], ids=["voc", "coco"])
def test_what_nobody_split_is_dealt_by_lot_the_same_way_every_time(tmp_path: Path, kind: Any) -> None:
    objects = {f"{i:03d}": copy.OBJECTS["a1"] for i in range(20)}
    place = copy.voc(tmp_path / "in", None, objects)
    if kind is coco:
        (place / "all.json").write_text(json.dumps(copy.coco_json(objects)))
        (place / "JPEGImages").rename(place / "images")
    one, again, other = (read(kind, place, tmp_path / f"{i}", seed=seed) for i, seed in enumerate((0, 0, 1)))
    assert one.counts == other.counts == {"train": 14, "validation": 2, "test": 4}
    assert one.digest == again.digest != other.digest
    assert one.notes == ("validation and test: dealt by lot from the 20 pictures for training or without a split",)


def test_a_split_without_a_set_is_dealt_from_train_alone(tmp_path: Path) -> None:
    objects = {f"{i:03d}": copy.OBJECTS["a1"] for i in range(20)}
    names = [*objects]
    place = copy.voc(tmp_path / "in", {"train": names[:16], "val": names[16:]}, objects)
    scenes = read(voc, place, tmp_path / "out")
    assert scenes.counts == {"train": 12, "validation": 4, "test": 4}
    found = content(scenes)
    assert [found[copy.picture(name)][0] for name in names[16:]] == ["validation"] * 4


def test_of_too_many_pictures_some_are_drawn(tmp_path: Path) -> None:
    objects = {f"{i:03d}": copy.OBJECTS["a1"] for i in range(20)}
    place = copy.voc(tmp_path / "in", None, objects)
    whole, part = read(voc, place, tmp_path / "1"), read(voc, place, tmp_path / "2", train=5, test=1)
    assert part.counts == {"train": 5, "validation": 2, "test": 1}
    assert content(part).items() <= content(whole).items()


def test_boxes_agree_with_the_upright_picture(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "in")
    (place / "JPEGImages" / "a1.jpg").write_bytes(copy.picture("a1", orientation=6, size=(40, 60)))
    scenes = read(voc, place, tmp_path / "out")
    assert scenes.notes[-1] == "turned upright as their EXIF says, and encoded anew: 1 of 5 pictures"
    (turned,) = (image for image in scenes.images if image.path.endswith(".png"))
    assert (turned.width, turned.height) == copy.SIZE
    assert [row.box for row in scenes.rows[turned.path]] == [(0, 0, 60, 40), (5, 6, 20, 30)]
    (place / "JPEGImages" / "a1.jpg").write_bytes(copy.picture("a1", orientation=6))
    with pytest.raises(
        DatasetError, match=r"a1\.xml: expected the picture's 40 × 60 pixels \(upright, as EXIF's orient"
    ):
        read(voc, place, tmp_path / "other")


def test_copies_in_two_splits_are_told(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "in", {"train": ["a1", "a2"], "val": ["b1"], "test": ["b2"]})
    (place / "JPEGImages" / "b2.jpg").write_bytes(copy.picture("a1"))
    told = ("in more than one split, byte by byte the same: 1 of 3 different pictures",)
    assert read(voc, place, tmp_path / "out").notes == told


def box(**edges: Any) -> str:
    given = {"xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9, **edges}
    return "".join(f"<{edge}>{value}</{edge}>" for edge, value in given.items() if value is not None)


def thing(content: str, name: str = "dog") -> str:
    return f"<annotation><object><name>{name}</name>{content}</object></annotation>"


def boxed(**edges: Any) -> str:
    return thing(f"<bndbox>{box(**edges)}</bndbox>")


HOSTILE_XML = [
    ("", "expected XML"),
    ("<annotation>", "expected XML"),
    (BOMB, "without a document type, found a document type"),
    (OUTSIDE, "found a document type"),
    ("<annotation>" + "<a>" * 100_000, "more than 16 deep"),
    ("<annotation><object>&undefined;</object></annotation>", "expected XML"),
    ('<?xml version="1.0" encoding="no-such"?><annotation/>', "expected XML"),
    ("<a\x00/>", "expected XML"),
    ("<html/>", "expected an <annotation>, found <html>"),
    (thing("", ""), "object 1: expected a <name> of 1 to 200"),
    (thing(""), "object 1: expected a <bndbox>, found none"),
    (boxed(xmax=None), "expected a number as <xmax>, found ''"),
    (boxed(ymin="nan"), "expected a number as <ymin>, found 'nan'"),
    (boxed(ymin="1e999"), "expected a number as <ymin>"),
    (boxed(xmin=20), "expected xmin ≤ xmax and ymin ≤ ymax, found 20, 1, 9, 9"),
    (thing(f"<difficult>maybe</difficult><bndbox>{box()}</bndbox>"), "expected 0 or 1 as <difficult>, found 'maybe'"),
    ("<annotation><size><width>6.5</width><height>4</height></size></annotation>", "expected a size in whole pixels"),
]


def test_all_hostile_annotations_are_told_at_once(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "in")
    for i, (text, _) in enumerate(HOSTILE_XML):
        (place / "Annotations" / f"{i:02d}.xml").write_text(text)
        (place / "JPEGImages" / f"{i:02d}.jpg").write_bytes(copy.picture("a1"))
    with pytest.raises(DatasetError) as caught:
        read(voc, place, tmp_path / "out")
    told = str(caught.value).split("; Annotations/")
    assert len(told) == len(HOSTILE_XML)
    for i, (found, (_, message)) in enumerate(zip(told, HOSTILE_XML, strict=True)):
        assert f"{i:02d}.xml: " in found
        assert message in found
    assert not (tmp_path / "out").exists()


def test_an_annotation_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "in")
    (place / "Annotations" / "a1.xml").write_text("<annotation>" + " " * 5_000_000 + "</annotation>")
    with pytest.raises(DatasetError, match="at most 4194304 bytes"):
        read(voc, place, tmp_path / "out")


def test_pictures_that_do_not_fit_their_annotations_are_told_at_once(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "in")
    (place / "Annotations" / "a1.xml").write_text(boxed(xmax=62))
    (place / "Annotations" / "a2.xml").write_text(copy.voc_xml([], (61, 40)))
    (place / "JPEGImages" / "a3.jpg").write_bytes(copy.picture("a3")[:200])
    (place / "JPEGImages" / "b1.jpg").write_bytes(b"GIF89a")
    with pytest.raises(DatasetError) as caught:
        read(voc, place, tmp_path / "out")
    for message in (
        "a1.xml: expected the box of 'dog' inside 60 × 40 pixels, found 0, 0, 62, 9",
        "a2.xml: expected the picture's 60 × 40 pixels, found 61 × 40",
        "JPEGImages/a3.jpg: expected a whole JPEG",
        "JPEGImages/b1.jpg: expected a whole JPEG",
    ):
        assert message in str(caught.value)


def test_a_box_that_is_a_pixel_too_large_is_cut(tmp_path: Path) -> None:
    place = copy.voc(tmp_path / "in", None, {"a1": []})
    (place / "Annotations" / "a1.xml").write_text(boxed(xmin=0, xmax=61, ymax=40.5))
    scenes = read(voc, place, tmp_path / "out")
    assert [row.box for rows in scenes.rows.values() for row in rows] == [(0, 0, 60, 40)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train", "a1 b1\n", "train.txt, line 1: expected one name, found 'a1 b1'"),
        ("train", "a1\na1\n", "train.txt: expected a1 in one set, found it in ImageSets/Main/train.txt too"),
        ("test", "a1\n", "test.txt: expected a1 in one set"),
        ("train", "zz\n", "Annotations/zz.xml: expected a file, found none"),
        ("train", "../../../etc/passwd\n", "passwd.xml: expected a file, found none"),
        ("train", "\udcff", "train.txt: expected a list of names"),
    ],
    ids=range(6),
)
def test_hostile_image_sets_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    place = copy.voc(tmp_path / "in", {"train": ["a1"], "val": ["a2"]})
    (place / "ImageSets" / "Main" / f"{name}.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError) as caught:
        read(voc, place, tmp_path / "out")
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", [voc, coco], ids=["voc", "coco"])
def test_a_place_of_another_kind_is_refused(tmp_path: Path, kind: Any) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_text("")
    with pytest.raises(DatasetError, match=r"(instances_|Annotations/).*found x\.csv"):
        read(kind, tmp_path / "in", tmp_path / "out")


IMAGE = {"id": 7, "file_name": "a1.jpg", "width": 60, "height": 40}
GOOD = {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]}
HOSTILE_ANNOTATIONS = [
    (None, "expected an object with image_id, found None"),
    ([], "expected an object with image_id"),
    ({**GOOD, "image_id": True}, "expected an object with image_id"),
    ({**GOOD, "image_id": 8}, "expected the image_id of an image, found '8'"),
    ({**GOOD, "category_id": 4}, "expected the category_id of a category, found '4'"),
    ({**GOOD, "category_id": None}, "expected an object with category_id"),
    ({**GOOD, "bbox": [1, 2, 3]}, "expected four numbers as bbox"),
    ({**GOOD, "bbox": "1234"}, "expected four numbers as bbox"),
    ({**GOOD, "bbox": [1, 2, 3, True]}, "expected four numbers as bbox"),
    ({**GOOD, "bbox": [1, 2, 3, 1e300]}, "expected four numbers as bbox"),
    ({**GOOD, "bbox": [1, 2, 0, 4]}, "expected a bbox with an area"),
    ({**GOOD, "bbox": [1, 2, -3, 4]}, "expected a bbox with an area"),
    ({**GOOD, "iscrowd": 2}, "expected 0 or 1 as iscrowd, found 2"),
    ({**GOOD, "iscrowd": [0]}, "expected 0 or 1 as iscrowd"),
]


def test_all_hostile_instances_are_told_at_once(tmp_path: Path) -> None:
    given = {"images": [IMAGE], "categories": [{"id": 3, "name": "cat"}], "annotations": []}
    given["annotations"] = [annotation for annotation, _ in HOSTILE_ANNOTATIONS]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a1.jpg").write_bytes(copy.picture("a1"))
    (tmp_path / "in" / "all.json").write_text(json.dumps(given))
    with pytest.raises(DatasetError) as caught:
        read(coco, tmp_path / "in", tmp_path / "out")
    told = str(caught.value).split("; all.json, ")
    for i, (found, (_, message)) in enumerate(zip(told, HOSTILE_ANNOTATIONS, strict=True)):
        assert f"annotations[{i}]: {message}" in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": [IMAGE, IMAGE]}, r"images\[1\]: expected each id once, found 7 twice"),
        ({"images": [{**IMAGE, "file_name": "../../a1.jpg"}]}, r"expected the picture '\.\./\.\./a1\.jpg', found none"),
        ({"images": [{**IMAGE, "file_name": 5}]}, r"images\[0\]: expected a file_name"),
        ({"images": [{**IMAGE, "width": 60.0}]}, "expected width and height in pixels"),
        ({"images": [{**IMAGE, "width": 61}]}, r"expected the picture's 60 × 40 pixels, found 61 × 40"),
        ({"images": [IMAGE, {**IMAGE, "id": "x"}]}, "a1.jpg: expected once, found 2 times"),
        ({"images": {}}, "expected an object with the lists"),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "expected one name for the id 3"),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 4, "name": "a"}]}, "expected a category once, found 'a' twice"),
        ({"categories": [{"id": 3, "name": ""}]}, "expected a name of 1 to 200"),
        ({"categories": [5]}, r"categories\[0\]: expected an object with id"),
        ({"annotations": [{**GOOD, "bbox": [58, 2, 5, 4]}]}, "expected the box of 'cat' inside 60 × 40"),
    ],
    ids=range(12),
)
def test_hostile_json_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    given = {"images": [IMAGE], "categories": [{"id": 3, "name": "cat"}], "annotations": [GOOD], **change}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a1.jpg").write_bytes(copy.picture("a1"))
    (tmp_path / "in" / "all.json").write_text(json.dumps(given))
    with pytest.raises(DatasetError, match=message):
        read(coco, tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"images": NaN}', "\udcff", "[]"], ids=range(5))
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=r"all\.json: expected"):
        read(coco, tmp_path / "in", tmp_path / "out")
