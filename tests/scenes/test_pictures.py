"""The user's pictures: stored as they are, or upright where EXIF turns them; Pillow's transposition is the oracle."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from components.data.scenes import pictures
from components.data.scenes.pictures import stored
from components.errors import ImageError, OversizeError
from components.images import Limits

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 44, 3), dtype=np.uint8)


def encoded(kind: str, orientation: int | None, pixels: np.ndarray = PIXELS) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(buffer, kind, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_stored_as_people_see_it(kind: str, orientation: int) -> None:
    data = encoded(kind, orientation)
    kept = stored(data)
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageOps.exif_transpose(image)
    with Image.open(io.BytesIO(kept.data)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(expected))
        assert image.size == kept.size == ((30, 44) if orientation >= 5 else (44, 30))
        assert image.getexif().get(0x0112, 1) == 1
    assert kept.orientation == orientation
    assert kept.extension == ("jpg" if kind == "JPEG" and orientation == 1 else "png")
    if orientation == 1:
        assert kept.data == data


@pytest.mark.parametrize("orientation", [None, 0, 9, 65535])
def test_without_a_known_orientation_the_bytes_stay(orientation: int | None) -> None:
    data = encoded("JPEG", orientation)
    assert stored(data) == (data, "jpg", (44, 30), 1)


def test_broken_exif_is_no_reason_to_refuse_a_picture() -> None:
    data = encoded("JPEG", 6)
    start = data.index(b"Exif\0\0") + 6
    broken = data[:start] + b"XX" + data[start + 2 :]
    assert stored(broken).orientation == 1


def test_an_upright_png_over_the_limit_becomes_a_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "Limits", lambda: Limits(bytes=2000))
    kept = stored(encoded("JPEG", 6))
    assert (kept.extension, kept.size) == ("jpg", (30, 44))
    with Image.open(io.BytesIO(kept.data)) as image, Image.open(io.BytesIO(encoded("JPEG", 6))) as given:
        difference = np.asarray(image).astype(int) - np.asarray(ImageOps.exif_transpose(given))
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("data", [b"", b"GIF89a", encoded("JPEG", 1)[:400], encoded("PPM", None)], ids=range(4))
def test_what_is_neither_jpeg_nor_png_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        stored(data)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    with pytest.raises(OversizeError):
        stored(buffer.getvalue())
