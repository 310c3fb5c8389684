"""The real GTSRB's reader, against copies of the layouts it is published in."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.data import gtsrb
from components.data.dataset import Dataset, read, verify
from components.errors import ArchiveError, DatasetError, LimitError, StorageError, UnsafeMemberError
from tests.data import gtsrb_copy as copy


def converted(uri: object, folder: Path, **options: object) -> Dataset:
    gtsrb.convert(str(uri), folder, **options)  # type: ignore[arg-type]
    return verify(folder)


@pytest.fixture
def official(tmp_path: Path) -> Path:
    return copy.official_folders(tmp_path / "mirror")


@pytest.mark.parametrize("layout", copy.LAYOUTS)
def test_every_layout_gives_the_same_dataset(layout: str, tmp_path: Path) -> None:
    dataset = converted(copy.LAYOUTS[layout](tmp_path / "mirror"), tmp_path / "out")
    reference = converted(copy.official_folders(tmp_path / "reference"), tmp_path / "out2")
    assert dataset.digest == reference.digest
    assert dataset.rows == reference.rows
    assert len(dataset.split("test")) == copy.TEST_IMAGES
    assert len(dataset.rows) == copy.TEST_IMAGES + len(copy.CLASSES) * copy.TRACKS * copy.FRAMES


def test_pixels_boxes_and_classes_are_those_of_the_mirror(official: Path, tmp_path: Path) -> None:
    dataset = converted(official, tmp_path / "out")
    for name in ("train", "validation"):
        split = dataset.split(name)
        for i, row in enumerate(split.rows):
            expected = copy.pixels(row.class_id, int(row.track[-5:]), row.frame)
            height, width = expected.shape[:2]
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(split.read_bytes(i)))), expected)
            assert split.boxes[i].tolist() == [5, 6, width - 5, height - 6]
    for row in dataset.split("test").rows:
        number = int(row.track[-5:]) - 50_000
        assert row.class_id == copy.test_class(number)
        found = np.asarray(Image.open(io.BytesIO(dataset.read_bytes(row))))
        np.testing.assert_array_equal(found, copy.pixels(99, number))


def test_no_track_is_on_two_sides_and_every_class_on_each(official: Path, tmp_path: Path) -> None:
    dataset = converted(official, tmp_path / "out")
    train, validation, test = (dataset.split(name) for name in ("train", "validation", "test"))
    assert not set(train.tracks) & set(validation.tracks)
    assert not set(test.tracks) & (set(train.tracks) | set(validation.tracks))
    assert set(train.class_ids) == set(validation.class_ids) == set(copy.CLASSES)


def test_the_seed_decides_the_split_and_nothing_else(official: Path, tmp_path: Path) -> None:
    first, again = (converted(official, tmp_path / name, seed=1) for name in ("a", "b"))
    other = converted(official, tmp_path / "c", seed=2)
    assert first.digest == again.digest != other.digest
    assert [row.sha256 for row in first.rows] == [row.sha256 for row in other.rows]
    assert (tmp_path / "a/index.parquet").read_bytes() == (tmp_path / "b/index.parquet").read_bytes()


@pytest.mark.parametrize("below", ["GTSRB", "GTSRB/Final_Training", "GTSRB/Final_Training/Images"])
def test_the_uri_may_name_a_folder_deeper_in(below: str, official: Path, tmp_path: Path) -> None:
    (official / "GT-final_test.csv").rename(official / "GTSRB/GT-final_test.csv")
    dataset = converted((official / below).as_uri(), tmp_path / "out")
    assert {row.class_id for row in dataset.rows} == set(copy.CLASSES)


def test_one_zip_file_may_be_named(tmp_path: Path) -> None:
    mirror = copy.official_zips(tmp_path / "mirror")
    dataset = converted(mirror / "GTSRB_Final_Training_Images.zip", tmp_path / "out")
    assert len(dataset.rows) == len(copy.CLASSES) * copy.TRACKS * copy.FRAMES


def test_without_the_official_test_set_training_tracks_become_one(official: Path, tmp_path: Path) -> None:
    dataset = converted(official / "GTSRB/Final_Training", tmp_path / "out")
    assert dataset.counts == {
        name: len(copy.CLASSES) * tracks * copy.FRAMES
        for name, tracks in {"train": 5, "validation": 1, "test": 2}.items()
    }


def test_the_complete_training_set_is_preferred_to_the_competitions(official: Path, tmp_path: Path) -> None:
    copy.pack({"GTSRB/Training/00007/GT-00007.csv": b"?"}, official / "GTSRB-Training_fixed.zip")
    assert {row.class_id for row in converted(official, tmp_path / "out").rows} == set(copy.CLASSES)


def test_zip_files_of_other_names_stay_shut(official: Path, tmp_path: Path) -> None:
    (official / "GTSRB_Final_Training_HOG.zip").write_bytes(b"no zip at all")
    converted(official, tmp_path / "out")


def test_classes_tracks_and_frames_can_be_limited(official: Path, tmp_path: Path) -> None:
    dataset = converted(official, tmp_path / "out", classes=[0, 14], tracks_per_class=3, frames_per_track=2)
    assert len(dataset.labels) == 43
    frames = Counter(row.track for row in dataset.rows if row.split != "test")
    assert Counter(track[:5] for track in frames) == {"00000": 3, "00014": 3}
    assert set(frames.values()) == {2}
    assert Counter(row.class_id for row in dataset.split("test").rows) == {0: 3, 14: 3}


def change(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


TABLE = "GTSRB/Final_Training/Images/00014/GT-00014.csv"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Roi.X1", "Left", "GT-00014.csv: expected the columns"),
        (";", ",", "GT-00014.csv: expected the columns"),
        ("00000_00001.ppm;", "00000_00099.ppm;", r"GT-00014.csv, line 3: expected the image 00000_00099.ppm"),
        ("00000_00001.ppm;", "00000_00000.ppm;", r"line 3: expected each image once"),
        ("00000_00001.ppm;", "../00000_00001.ppm;", r"line 3: expected a name like"),
        ("00000_00001.ppm;", "0_1.ppm;", r"line 3: expected a name like"),
        ("00000_00001.ppm;", "60000_00001.ppm;", r"line 3: expected a track below"),
        (";14\r\n", ";43\r\n", r"line 2: expected a class from 0 to 42, found 43"),
        (";14\r\n", ";7\r\n", r"line 2: expected the class of its folder, 14, found 7"),
        (";14\r\n", "\r\n", r"line 2: expected 8 fields, found 7"),
        (";5;6;", ";5;600;", r"line 2: expected a region inside"),
        (";5;6;", ";-5;6;", r"line 2: expected a whole number as Roi.X1, found '-5'"),
        (";5;6;", ";5.0;6;", r"line 2: expected a whole number as Roi.X1"),
        (";5;6;", ';"5;6;', r"GT-00014.csv: expected a table"),
    ],
)
def test_a_wrong_table_is_refused_with_file_and_line(
    old: str, new: str, message: str, official: Path, tmp_path: Path
) -> None:
    change(official / TABLE, old, new)
    with pytest.raises(DatasetError, match=message):
        converted(official, tmp_path / "out")


def test_a_size_that_is_not_the_images_is_refused(official: Path, tmp_path: Path) -> None:
    path = official / "GTSRB/Final_Training/Images/00014/00000_00001.ppm"
    path.write_bytes(copy.ppm(np.zeros((50, 60, 3), np.uint8)))
    with pytest.raises(DatasetError, match=r"GT-00014.csv, line 3: expected the image's 60 × 50 pixels"):
        converted(official, tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"P6\n30 30\n255\nshort", b"GIF89a", b"P6\n100000 100000\n255\n"])
def test_a_broken_image_is_refused_by_name(data: bytes, official: Path, tmp_path: Path) -> None:
    (official / "GTSRB/Final_Training/Images/00014/00000_00001.ppm").write_bytes(data)
    with pytest.raises(DatasetError, match=r"00014/00000_00001.ppm \(.*GT-00014.csv, line 3\): expected"):
        converted(official, tmp_path / "out")


def test_an_image_that_no_line_names_is_refused(official: Path, tmp_path: Path) -> None:
    folder = official / "GTSRB/Final_Training/Images/00014"
    (folder / "00077_00000.ppm").write_bytes((folder / "00000_00000.ppm").read_bytes())
    with pytest.raises(DatasetError, match=r"expected a line for each image, found none for 1: 00077_00000.ppm"):
        converted(official, tmp_path / "out")


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"", b"\n\n", b"\x00"])
def test_a_table_that_is_no_table_is_refused(text: bytes, official: Path, tmp_path: Path) -> None:
    (official / TABLE).write_bytes(text)
    with pytest.raises(DatasetError, match=r"GT-00014.csv"):
        converted(official, tmp_path / "out")


def test_a_missing_table_is_refused(official: Path, tmp_path: Path) -> None:
    (official / TABLE).unlink()
    with pytest.raises(DatasetError, match=r"Images/00014: expected the table GT-00014.csv, found none"):
        converted(official, tmp_path / "out")


def test_test_images_without_their_classes_are_refused(official: Path, tmp_path: Path) -> None:
    (official / "GT-final_test.csv").unlink()
    with pytest.raises(DatasetError, match=r"expected the test images' classes, GT-final_test.csv"):
        converted(official, tmp_path / "out")


def test_two_training_sets_are_refused(official: Path, tmp_path: Path) -> None:
    copy.write(copy.training("old/GTSRB/Final_Training/Images"), official)
    with pytest.raises(DatasetError, match="expected one training set, found 2"):
        converted(official, tmp_path / "out")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    copy.write({"notes/readme.txt": b"?"}, tmp_path / "mirror")
    with pytest.raises(DatasetError, match=r"expected GTSRB's training folders.*found notes/readme.txt"):
        converted(tmp_path / "mirror", tmp_path / "out")
    with pytest.raises(DatasetError, match="found no files"):
        converted(tmp_path / "nowhere", tmp_path / "out")


def test_nothing_is_fetched_over_https(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="expected"):
        converted("https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/", tmp_path / "out")


ZIP = "GTSRB_Final_Training_Images.zip"


def zip_with(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "name",
    ["../x.ppm", "/etc/x.ppm", "a/../../x.ppm", "a\\b.ppm", "C:x.ppm", "a\nb.ppm", "x" * 5000, link("GTSRB/link")],
    ids=lambda name: repr(getattr(name, "filename", name))[:20],
)
def test_a_zip_with_an_unsafe_member_is_refused(name: zipfile.ZipInfo | str, tmp_path: Path) -> None:
    zip_with(tmp_path / ZIP, (name, b"x"))
    with pytest.raises(UnsafeMemberError):
        converted(tmp_path / ZIP, tmp_path / "out")


def test_a_zip_with_two_members_of_one_name_is_refused(tmp_path: Path) -> None:
    zip_with(tmp_path / ZIP, ("GTSRB/A.ppm", b"1"), ("GTSRB/a.ppm", b"2"))
    with pytest.raises(UnsafeMemberError, match="expected each name once"):
        converted(tmp_path / ZIP, tmp_path / "out")


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    zip_with(tmp_path / ZIP, ("GTSRB/Training/00000/bomb.ppm", bytes(32 * 1024**2)))
    with pytest.raises(LimitError, match="compression"):
        converted(tmp_path / ZIP, tmp_path / "out")


def test_a_member_over_the_limit_of_an_image_is_refused(tmp_path: Path) -> None:
    files = copy.training("GTSRB/Training")
    files["GTSRB/Training/00000/00000_00000.ppm"] = bytes(3 * 1024**2)
    copy.pack(files, tmp_path / "GTSRB-Training_fixed.zip")
    with pytest.raises(LimitError, match=r"00000_00000.ppm: expected at most"):
        converted(tmp_path, tmp_path / "out")


def test_a_zip_whose_directory_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    copy.pack(copy.training("GTSRB/Training"), tmp_path / "GTSRB-Training_fixed.zip")
    data = bytearray((tmp_path / "GTSRB-Training_fixed.zip").read_bytes())
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    while data[at + 46 : at + 46 + 100].split(b"PK")[0].find(b"00000_00000.ppm") < 0:
        at = data.index(b"PK\x01\x02", at + 4)
    size = int.from_bytes(data[at + 24 : at + 28], "little")
    data[at + 24 : at + 28] = (size - 9).to_bytes(4, "little")
    (tmp_path / "GTSRB-Training_fixed.zip").write_bytes(data)
    with pytest.raises((DatasetError, ArchiveError)):
        converted(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_a_cut_zip_is_refused(cut: int, tmp_path: Path) -> None:
    mirror = copy.official_zips(tmp_path / "mirror")
    (mirror / ZIP).write_bytes((mirror / ZIP).read_bytes()[:cut])
    with pytest.raises(DatasetError, match="expected a zip file"):
        converted(mirror, tmp_path / "out")


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    mirror = copy.official_zips(tmp_path / "mirror")
    data = bytearray((mirror / ZIP).read_bytes())
    at = data.index(b"00000_00001.ppm") + 100
    data[at : at + 8] = b"damaged!"
    (mirror / ZIP).write_bytes(data)
    with pytest.raises(DatasetError, match=r"00000_00001.ppm: expected a whole member"):
        converted(mirror, tmp_path / "out")


def test_nothing_but_a_whole_dataset_is_readable(official: Path, tmp_path: Path) -> None:
    (official / "GTSRB/Final_Test/Images/00003.ppm").write_bytes(b"broken")
    with pytest.raises(DatasetError):
        gtsrb.convert(str(official), tmp_path / "out")
    with pytest.raises(DatasetError):
        read(tmp_path / "out")
