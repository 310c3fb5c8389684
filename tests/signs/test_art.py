"""The clean signs: all different, in the colours of the StVO, mirror images where the StVO has them."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from components.data.signs import CLASSES, sign_art, sign_svg
from components.errors import InputError

RING = [*range(6), 7, 8, 9, 10, 15, 16]
WARNINGS = [11, *range(18, 32)]
MANDATORY = range(33, 41)
ENDINGS = [6, 32, 41, 42]


def pixels(class_id: int, side: int = 128) -> NDArray[np.float64]:
    """The sign on a white ground, ``(side, side, 3)``."""
    art = np.asarray(sign_art(class_id, side), dtype=float)
    return art[..., :3] * art[..., 3:] / 255 + 255 - art[..., 3:]


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.abs(first - second).mean())


def test_all_43_signs_differ_even_at_48_px() -> None:
    signs = [pixels(class_id, 48) for class_id in range(CLASSES)]
    closest = min((difference(signs[a], signs[b]), a, b) for a, b in itertools.combinations(range(CLASSES), 2))
    assert closest[0] > 2.5, closest  # 30 and 80


@pytest.mark.parametrize(("left", "right"), [(34, 33), (37, 36), (39, 38), (19, 20)])
def test_left_and_right_are_mirror_images(left: int, right: int) -> None:
    assert difference(pixels(left)[:, ::-1], pixels(right)) < 0.5
    assert difference(pixels(left), pixels(right)) > 3.0


@pytest.mark.parametrize("class_id", [12, 13, 15, 17, 18, 22, 26, 30, 35])
def test_symmetric_signs_are_their_own_mirror_image(class_id: int) -> None:
    assert difference(pixels(class_id)[:, ::-1], pixels(class_id)) < 0.5


def shares(class_id: int) -> dict[str, float]:
    """How much of the plate is red, blue, yellow, green and black."""
    art = np.asarray(sign_art(class_id, 128), dtype=int)
    r, g, b = (art[..., channel] for channel in range(3))
    plate = art[..., 3] > 200
    colours = {
        "red": (r > 150) & (g < 80),
        "blue": (b > 120) & (r < 60),
        "yellow": (r > 200) & (g > 150) & (b < 90),
        "green": (g > 100) & (r < 60) & (b < 120),
        "black": (r < 50) & (g < 50) & (b < 50),
    }
    return {name: float((mask & plate).sum() / plate.sum()) for name, mask in colours.items()}


def test_families_have_the_colours_of_the_stvo() -> None:
    for class_id in (*RING, *WARNINGS, 13):
        assert 0.25 < shares(class_id)["red"] < 0.6, class_id
    for class_id in (14, 17):
        assert shares(class_id)["red"] > 0.6, class_id
    for class_id in MANDATORY:
        assert shares(class_id)["blue"] > 0.6, class_id
    for class_id in ENDINGS:
        assert shares(class_id)["red"] == shares(class_id)["blue"] == 0, class_id
        assert shares(class_id)["black"] > 0.1, class_id
    assert shares(12)["yellow"] > 0.3
    assert [class_id for class_id in range(CLASSES) if shares(class_id)["green"] > 0.005] == [26]


def test_no_sign_needs_a_font_or_a_foreign_picture() -> None:
    for class_id in range(CLASSES):
        tags = set(re.findall(r"<(\w+)", sign_svg(class_id)))
        assert tags <= {"svg", "g", "path", "circle", "rect"}


def test_every_sign_fills_its_frame_without_touching_the_edge() -> None:
    for class_id in range(CLASSES):
        alpha = np.asarray(sign_art(class_id, 208).getchannel("A"))
        columns = np.flatnonzero((alpha > 127).any(axis=0))
        assert 180 < columns[-1] - columns[0] < 208, class_id
        assert not alpha[0].any(), class_id
        assert not alpha[-1].any(), class_id


@pytest.mark.parametrize("class_id", [-1, 43, 1000])
def test_there_is_no_44th_class(class_id: int) -> None:
    with pytest.raises(InputError, match=rf"sign class: expected an integer from 0 to 42, found {class_id}$"):
        sign_svg(class_id)
    with pytest.raises(InputError, match="expected an integer from 0 to 42"):
        sign_art(class_id)
