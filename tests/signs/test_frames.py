"""Frames of tracks: pure, within their bounds, growing, and showing the sign where the box says."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.data.signs import CLASSES, LARGEST, SMALLEST, Rendered, render_frame, sign_art
from components.errors import InputError

ROOT = Path(__file__).parents[2]

SAMPLE = [(class_id, track, frame) for class_id in (0, 14, 31) for track in (0, 5) for frame in (0, 3, 29)]

HASHES = f"""
import hashlib
from components.data.signs import render_frame
for arguments in reversed({SAMPLE}):
    image, box = render_frame(*arguments, seed=7)
    print(hashlib.sha256(image.tobytes()).hexdigest(), *box)
"""


def digest(rendered: Rendered) -> str:
    return " ".join([hashlib.sha256(rendered.image.tobytes()).hexdigest(), *map(str, rendered.box)])


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_another_process_in_another_order_renders_the_same_bytes(hash_seed: str) -> None:
    here = [digest(render_frame(*arguments, seed=7)) for arguments in SAMPLE]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", HASHES], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[::-1] == here


arguments = st.tuples(st.integers(0, CLASSES - 1), st.integers(0, 2**63 - 1), st.integers(1, 60)).flatmap(
    lambda drawn: st.tuples(st.just(drawn), st.integers(0, drawn[2] - 1))
)


@settings(max_examples=60)
@given(arguments, st.integers(0, 2**63 - 1))
def test_every_frame_keeps_gtsrbs_bounds(drawn: tuple[tuple[int, int, int], int], seed: int) -> None:
    (class_id, track, frames), frame = drawn
    rendered = render_frame(class_id, track, frame, seed=seed, frames=frames)
    height, width, channels = rendered.image.shape
    assert rendered.image.dtype == np.uint8
    assert channels == 3
    assert SMALLEST <= height <= LARGEST
    assert SMALLEST <= width <= LARGEST
    assert 0.6 < width / height < 1.6
    x1, y1, x2, y2 = rendered.box
    assert 5 <= x1 < x2 <= width - 6
    assert 5 <= y1 < y2 <= height - 6
    assert max(x2 - x1 + 1, y2 - y1 + 1) >= 0.7 * max(width, height)
    assert digest(render_frame(class_id, track, frame, seed=seed, frames=frames)) == digest(rendered)


@settings(max_examples=10)
@given(st.integers(0, CLASSES - 1), st.integers(0, 1000), st.integers(2, 12), st.integers(0, 5))
def test_the_sign_grows_along_its_track(class_id: int, track: int, frames: int, seed: int) -> None:
    sides = [max(render_frame(class_id, track, f, seed=seed, frames=frames).image.shape) for f in range(frames)]
    assert sides == sorted(sides)
    assert sides[0] < 70 < 105 < sides[-1]


def reddish(image: np.ndarray) -> np.ndarray:
    """Pixels much redder than green and blue."""
    colours = image.astype(int)
    return colours[..., 0] - np.maximum(colours[..., 1], colours[..., 2]) > 45


def test_the_box_holds_the_signs_colour_and_its_rim_begins_there() -> None:
    ends, inside = [], []
    for track in range(40):
        image, (x1, y1, x2, y2) = render_frame(17, track, 25, seed=3)
        if image[:3].mean() < 1.3 * image[:3, :, 2].mean():  # not before a red wall
            red = reddish(image)
            columns = np.flatnonzero(red.sum(axis=0) > 0.15 * red.shape[0])
            if len(columns):
                ends.append((columns[0] - x1, columns[-1] - x2))
                inside.append(red[y1 : y2 + 1, x1 : x2 + 1].sum() / max(1, red.sum()))
    assert len(ends) >= 12
    assert np.abs(np.median(ends, axis=0)).max() <= 5
    assert np.median(inside) > 0.98


def correlation(image: Image.Image, art: Image.Image) -> float:
    size = (40, 40)
    first, second = (np.asarray(i.convert("L").resize(size), dtype=float).ravel() for i in (image, art))
    return float(np.corrcoef(first, second)[0, 1])


def test_what_lies_in_the_box_looks_like_its_class() -> None:
    """The clean sign of its own class fits the crop better than a random other one of its shape does."""
    speed_limits = [0, 1, 2, 3, 4, 5, 7, 8]
    arts = {}
    for class_id in speed_limits:
        art = sign_art(class_id, 120)
        arts[class_id] = Image.alpha_composite(Image.new("RGBA", art.size, "#888"), art).crop(art.getbbox())
    right = total = 0
    for class_id, track in itertools.product(speed_limits, range(6)):
        image, (x1, y1, x2, y2) = render_frame(class_id, track, 29, seed=11)
        crop = Image.fromarray(image).crop((x1, y1, x2 + 1, y2 + 1))
        best = max(speed_limits, key=lambda c: correlation(crop, arts[c]))
        right += best == class_id
        total += 1
    assert right / total > 0.6  # guessing gives 0.125


def test_no_two_tracks_and_no_two_frames_are_alike() -> None:
    small = [
        np.asarray(Image.fromarray(render_frame(1, track, 29, seed=seed).image).resize((24, 24)), dtype=float)
        for seed in (0, 1)
        for track in range(12)
    ]
    assert min(np.abs(a - b).mean() for a, b in itertools.combinations(small, 2)) > 4
    frames = {digest(render_frame(1, 0, frame, seed=0)) for frame in range(30)}
    assert len(frames) == 30


def test_frames_of_one_track_show_one_sign_under_one_light() -> None:
    def colours(track: int, frame: int) -> np.ndarray:
        image, (x1, y1, x2, y2) = render_frame(15, track, frame, seed=2)
        return image[y1 : y2 + 1, x1 : x2 + 1].reshape(-1, 3).mean(axis=0)

    means = np.array([[colours(track, frame) for frame in (10, 15, 20, 25)] for track in range(12)])
    within = means.std(axis=1).mean()
    between = means.mean(axis=1).std(axis=0).mean()
    assert between > 4 * within


def test_numbers_beyond_32_bits_are_told_apart() -> None:
    tracks = [0, 1, 2**32, 2**32 + 1, 2**62]
    assert len({digest(render_frame(0, track, 0, seed=0)) for track in tracks}) == len(tracks)
    assert digest(render_frame(0, 0, 0, seed=2**32)) != digest(render_frame(0, 2**32, 0, seed=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_id": 43}, "sign class: expected an integer from 0 to 42, found 43"),
        ({"class_id": -1}, "sign class: expected an integer from 0 to 42, found -1"),
        ({"class_id": True}, "sign class: expected an integer from 0 to 42, found True"),
        ({"class_id": 1.5}, "sign class: expected an integer from 0 to 42, found 1.5"),
        ({"track": -1}, "track: expected an integer from 0 to 9223372036854775807, found -1"),
        ({"seed": 2**63}, "seed: expected an integer from 0 to 9223372036854775807, found 9223372036854775808"),
        ({"frames": 0}, "frames: expected an integer from 1 to 9223372036854775807, found 0"),
        ({"frame": 30}, "frame: expected an integer from 0 to 29, found 30"),
        ({"frame": 2, "frames": 2}, "frame: expected an integer from 0 to 1, found 2"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, int], message: str) -> None:
    with pytest.raises(InputError) as caught:
        render_frame(**{"class_id": 0, "track": 0, "frame": 0, "seed": 0, **change})
    assert str(caught.value) == message
