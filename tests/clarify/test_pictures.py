"""Pictures of any mode and orientation come out upright, and boxes turn with them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from components.clarify.pictures import nearest, orientation, shrunk, turned, upright
from components.errors import ImageError

DRAWN = np.random.default_rng(2).integers(0, 256, (24, 36, 3), np.uint8)


def encoded(picture, form="PNG", turn=None, **options):
    buffer = io.BytesIO()
    exif = Image.Exif()
    if turn is not None:
        exif[0x0112] = turn
    picture.save(buffer, form, exif=exif, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_every_orientation_comes_out_as_pillow_turns_it(turn, form):
    data = encoded(Image.fromarray(DRAWN), form, turn)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(upright(data), expected)
    assert upright(data).flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_box_lies_about_the_same_pixels_after_turning(turn):
    marked = np.zeros((20, 40, 3), np.uint8)
    marked[4:10, 8:30] = 255
    there = upright(encoded(Image.fromarray(marked), turn=turn))
    box = np.array([[8 / 40, 4 / 20, 30 / 40, 10 / 20]])
    height, width = there.shape[:2]
    x1, y1, x2, y2 = np.rint(turned(box, turn)[0] * [width, height, width, height]).astype(int)
    inside = np.zeros((height, width), bool)
    inside[y1:y2, x1:x2] = True
    assert np.array_equal(inside, there[..., 0] == 255)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("1", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG")],
)
@pytest.mark.parametrize("turn", [1, 6])
def test_every_mode_becomes_upright_rgb(mode, form, turn):
    found = upright(encoded(Image.fromarray(DRAWN).convert(mode), form, turn))
    assert found.shape == ((24, 36, 3) if turn == 1 else (36, 24, 3))
    assert found.dtype == np.uint8


@pytest.mark.parametrize("turn", [0, 9, 77, 65535])
def test_an_orientation_that_there_is_not_is_none(turn):
    data = encoded(Image.fromarray(DRAWN), turn=turn)
    assert orientation(data) == 1
    assert np.array_equal(upright(data), DRAWN)


def test_broken_exif_is_no_exif():
    data = encoded(Image.fromarray(DRAWN), "JPEG", 6)
    at = data.index(b"Exif\0\0") + 6
    broken = data[:at] + b"\xff" * 10 + data[at + 10 :]
    assert orientation(broken) == 1
    assert upright(broken).shape == (24, 36, 3)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ImageError):
        upright(b"<svg/>")
    assert orientation(b"<svg/>") == 1


def test_shrinking_keeps_the_aspect_and_never_enlarges():
    assert shrunk(DRAWN, 18).shape == (12, 18, 3)
    assert shrunk(DRAWN, 36) is DRAWN
    assert shrunk(np.zeros((1, 900, 3), np.uint8), 9).shape == (1, 9, 3)


def test_labels_at_another_size_are_those_of_the_pixels_middles():
    labels = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert np.array_equal(nearest(labels, 4, 6), np.kron(labels, np.ones((2, 2), np.int32)))
    assert np.array_equal(nearest(np.kron(labels, np.ones((3, 3), np.int32)), 2, 3), labels)
