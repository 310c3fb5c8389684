"""Writes small copies of GTSRB as it is published: real PPMs, real tables, the folders and zip files by their names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"

CLASSES = (0, 14, 42)
TRACKS = 8
FRAMES = 3
TEST_IMAGES = 11


def pixels(*key: int) -> np.ndarray:
    """An image that can be told from any other by its key; sizes differ, and are not square."""
    draw = np.random.default_rng(key)
    height, width = draw.integers(20, 40, 2)
    return draw.integers(0, 256, (height, width, 3), np.uint8)


def ppm(image: np.ndarray) -> bytes:
    height, width = image.shape[:2]
    return b"P6\n%d %d\n255\n" % (width, height) + image.tobytes()


def line(name: str, image: np.ndarray, class_id: int | None) -> str:
    height, width = image.shape[:2]
    known = "" if class_id is None else f";{class_id}"
    return f"{name};{width};{height};5;6;{width - 5};{height - 6}{known}"


def table(lines: list[str], header: str = HEADER) -> bytes:
    return "\r\n".join([header, *lines, ""]).encode()


def training(root: str) -> dict[str, bytes]:
    """The files of a training set below ``root``, by path."""
    files = {}
    for class_id in CLASSES:
        folder, lines = f"{root}/{class_id:05d}", []
        for track in range(TRACKS):
            for frame in range(FRAMES):
                name, image = f"{track:05d}_{frame:05d}.ppm", pixels(class_id, track, frame)
                files[f"{folder}/{name}"] = ppm(image)
                lines.append(line(name, image, class_id))
        files[f"{folder}/GT-{class_id:05d}.csv"] = table(lines)
    return files


def test_class(i: int) -> int:
    return CLASSES[i % len(CLASSES)]


def test_images(root: str) -> dict[str, bytes]:
    files, lines = {f"{root.partition('/')[0]}/Readme-Images-Final-test.txt": b"readme"}, []
    for i in range(TEST_IMAGES):
        image = pixels(99, i)
        files[f"{root}/{i:05d}.ppm"] = ppm(image)
        lines.append(line(f"{i:05d}.ppm", image, None))
    # What the official archive has beside its images: the same without the classes.
    files[f"{root}/GT-final_test.test.csv"] = table(lines, HEADER.removesuffix(";ClassId"))
    return files


def test_table() -> bytes:
    return table([line(f"{i:05d}.ppm", pixels(99, i), test_class(i)) for i in range(TEST_IMAGES)])


def write(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def pack(files: dict[str, bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in sorted({name.rpartition("/")[0] + "/" for name in files if "/" in name}):
            archive.mkdir(folder)
        for name, data in files.items():
            archive.writestr(name, data)


def official_folders(folder: Path) -> Path:
    files = training("GTSRB/Final_Training/Images") | test_images("GTSRB/Final_Test/Images")
    return write(files | {"GT-final_test.csv": test_table()}, folder)


def official_zips(folder: Path) -> Path:
    pack(training("GTSRB/Final_Training/Images"), folder / "GTSRB_Final_Training_Images.zip")
    pack(test_images("GTSRB/Final_Test/Images"), folder / "GTSRB_Final_Test_Images.zip")
    pack({"GT-final_test.csv": test_table()}, folder / "GTSRB_Final_Test_GT.zip")
    return folder


def fixed_zip(folder: Path) -> Path:
    pack(training("GTSRB/Training"), folder / "GTSRB-Training_fixed.zip")
    pack(test_images("GTSRB/Final_Test/Images"), folder / "GTSRB_Final_Test_Images.zip")
    pack({"GT-final_test.csv": test_table()}, folder / "GTSRB_Final_Test_GT.zip")
    return folder


def torchvision_root(folder: Path) -> Path:
    """What ``torchvision.datasets.GTSRB(root, download=True)`` leaves: unpacked, with the zip files beside it."""
    files = training("GTSRB/Training") | test_images("GTSRB/Final_Test/Images") | {"GT-final_test.csv": test_table()}
    write(files, folder / "gtsrb")
    fixed_zip(folder / "gtsrb")
    return folder


LAYOUTS = {
    "official folders": official_folders,
    "official zip files": official_zips,
    "the fixed training set's zip file": fixed_zip,
    "torchvision's folder": torchvision_root,
}
