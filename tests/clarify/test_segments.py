"""Segments: as many as were asked for, connected, the same each time, whatever the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from toys import quarters

from components.clarify.segments import segment, window
from components.errors import InputError

DRAWN = np.random.default_rng(7)
NOISE = DRAWN.integers(0, 256, (90, 120, 3), np.uint8)
PLAIN = np.full((64, 48, 3), 77, np.uint8)
BLOTCHES = np.repeat(np.repeat(DRAWN.integers(0, 256, (9, 12, 3), np.uint8), 10, axis=0), 10, axis=1)


@pytest.mark.parametrize(
    "picture", [NOISE, PLAIN, BLOTCHES, quarters()], ids=["noise", "plain", "blotches", "quarters"]
)
@pytest.mark.parametrize("wanted", [1, 2, 7, 20, 60])
def test_there_are_as_many_segments_as_were_asked_for(picture, wanted):
    found = segment(picture, wanted, 5)
    assert found.count == wanted == len(np.unique(found.map))
    assert found.map.dtype == np.int32
    assert found.map.shape == picture.shape[:2]


@pytest.mark.parametrize("picture", [NOISE, BLOTCHES], ids=["noise", "blotches"])
def test_each_segment_is_one_patch(picture):
    found = segment(picture, 20, 5)
    assert [ndimage.label(found.map == i)[1] for i in range(found.count)] == [1] * found.count


def test_the_same_picture_gives_the_same_segments():
    assert np.array_equal(segment(NOISE, 20, 5).map, segment(NOISE.copy(), 20, 5).map)


def test_segments_follow_what_is_seen():
    found = segment(quarters(), 4, 5).map
    assert [len(np.unique(found[place])) for place in (np.s_[:20, :20], np.s_[:20, 20:], np.s_[20:, :20])] == [1, 1, 1]


def test_more_segments_than_pixels_are_as_many_as_there_are_pixels():
    found = segment(NOISE[:3, :4], 100_000, 5)
    assert found.count == 12
    assert sorted(found.map.reshape(-1)) == list(range(12))


def test_a_picture_of_one_pixel_is_one_segment():
    assert segment(NOISE[:1, :1], 20, 5).count == 1


def test_a_sliver_can_be_cut():
    found = segment(NOISE[:1], 5, 5)
    assert found.count == 5


def test_a_large_picture_is_cut_as_the_small_one_and_drawn_at_its_own_size():
    large = np.repeat(np.repeat(BLOTCHES, 5, axis=0), 5, axis=1)
    found = segment(large, 20, 5)
    assert found.map.shape == large.shape[:2]
    assert found.count == 20


def test_noise_needs_more_compactness_and_it_is_told():
    assert segment(NOISE, 20, 5).compactness > 5
    assert segment(BLOTCHES, 20, 5).compactness >= 5


@pytest.mark.parametrize(
    ("wanted", "compactness"), [(0, 5), (-3, 5), (5000, 5), (20, 0), (20, -1.0), (20, float("nan"))]
)
def test_numbers_that_make_no_sense_are_refused(wanted, compactness):
    with pytest.raises(InputError, match="expected 1 to 4096 segments and a compactness over 0"):
        segment(NOISE, wanted, compactness)


@pytest.mark.parametrize("box", [(0.5, 0.5, 0.5, 0.5), (0.999, 0.0, 1.0, 0.001), (1.0, 1.0, 1.0, 1.0), (0, 0, 0, 0)])
def test_a_box_of_a_pixel_or_less_meets_one_segment(box):
    assert segment(NOISE, 20, 5).meeting(np.array(box)).sum() == 1


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(1, 50), st.integers(1, 50))
def test_a_box_touches_the_pixels_that_it_covers_and_at_least_one(sides, height, width):
    x1, x2 = sorted(sides[:2])
    y1, y2 = sorted(sides[2:])
    rows, columns = window(np.array([x1, y1, x2, y2]), height, width)
    covered_rows = [r for r in range(height) if r / height < y2 and (r + 1) / height > y1]
    covered = [c for c in range(width) if c / width < x2 and (c + 1) / width > x1]
    found_rows, found = list(range(height))[rows], list(range(width))[columns]
    assert found_rows
    assert found
    assert {*covered_rows[1:-1]} <= {*found_rows}
    assert {*covered[1:-1]} <= {*found}
    assert len(found) <= max(1, len(covered) + 2)
