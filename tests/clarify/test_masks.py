"""Masked pictures: present segments show the picture, absent ones the baseline, and nothing else is touched."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.clarify import baselines
from components.clarify.masks import Masker, strengths
from components.clarify.pictures import upright
from components.errors import InputError

DRAWN = np.random.default_rng(3)
PICTURE = DRAWN.integers(0, 256, (24, 30, 3), np.uint8)
BASE = DRAWN.integers(0, 256, (24, 30, 3), np.uint8)
SEGMENTS = np.kron(np.arange(12).reshape(3, 4), np.ones((8, 8), int))[:, :30].astype(np.int32)
ALL = np.ones(12)


def plainly(coalition, strength):
    """The same by a loop over segments, in floats."""
    shown = PICTURE.astype(float)
    for segment, present in enumerate(coalition):
        inside = segment == SEGMENTS
        if not present:
            share = strength[segment]
            shown[inside] = np.rint((1 - share) * PICTURE[inside] + share * BASE[inside])
    return shown.astype(np.uint8)


@settings(max_examples=40)
@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=1, max_size=5))
def test_masking_shows_the_baseline_where_segments_are_absent(coalitions):
    made = Masker(PICTURE, SEGMENTS, BASE, ALL).build(np.array(coalitions))
    assert np.array_equal(made, np.stack([plainly(c, ALL) for c in coalitions]))


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=12, max_size=12), st.floats(0.01, 1))
def test_segments_outside_the_box_lose_the_share_that_context_says(coalition, context):
    strength = strengths(np.arange(12) < 4, context)
    made = Masker(PICTURE, SEGMENTS, BASE, strength).build(np.array([coalition]))[0]
    assert np.array_equal(made, plainly(coalition, strength))


def test_with_context_0_only_segments_that_meet_the_box_play():
    masker = Masker(PICTURE, SEGMENTS, BASE, strengths(np.arange(12) < 4, 0.0))
    assert masker.players.tolist() == [0, 1, 2, 3]
    made = masker.build(np.zeros((1, 4), bool))[0]
    assert np.array_equal(made[SEGMENTS < 4], BASE[SEGMENTS < 4])
    assert np.array_equal(made[SEGMENTS >= 4], PICTURE[SEGMENTS >= 4])


def test_the_whole_coalition_is_the_picture_and_the_empty_one_the_baseline():
    masker = Masker(PICTURE, SEGMENTS, BASE, ALL)
    full, empty = masker.build(np.array([[True] * 12, [False] * 12]))
    assert np.array_equal(full, PICTURE)
    assert np.array_equal(empty, BASE)


def test_a_segment_without_a_pixel_changes_nothing():
    masker = Masker(PICTURE, SEGMENTS, BASE, np.ones(14))
    with_it, without = masker.build(np.array([[False] * 14, [False] * 12 + [True] * 2]))
    assert np.array_equal(with_it, without)


@pytest.mark.parametrize("room", [1, 3, 64])
def test_chunks_are_bounded_and_change_nothing(room):
    masker, coalitions = Masker(PICTURE, SEGMENTS, BASE, ALL), DRAWN.random((10, 12)) < 0.5
    chunks = list(masker.chunks(coalitions, lambda size: room if size == masker.bytes_each else 0))
    assert max(map(len, chunks)) <= room
    assert np.array_equal(np.concatenate(chunks), masker.build(coalitions))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="expected picture, baseline and segments of one size"):
        Masker(PICTURE, SEGMENTS, BASE[:5], ALL)
    with pytest.raises(InputError, match=r"expected coalitions \(n, 12\)"):
        Masker(PICTURE, SEGMENTS, BASE, ALL).build(np.ones((2, 3), bool))


def encoded(mode, size=(7, 5), form="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).resize(size).convert(mode).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "form"), [("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("CMYK", "JPEG"), ("1", "PNG")]
)
def test_a_baseline_of_another_size_and_mode_is_stretched_and_converted(mode, form):
    made = baselines.make(upright(encoded(mode, form=form)), PICTURE, seed=0)
    assert made.shape == PICTURE.shape
    assert made.dtype == np.uint8


def test_a_baseline_that_fits_is_taken_as_it_is():
    assert np.array_equal(baselines.make(BASE, PICTURE, seed=0), BASE)


@pytest.mark.parametrize("kind", baselines.KINDS)
def test_a_made_baseline_comes_from_the_seed_alone(kind):
    assert np.array_equal(baselines.make(kind, PICTURE, 5), baselines.make(kind, PICTURE, 5))


def test_noise_uses_all_values_and_the_mean_one_colour():
    large = np.zeros((200, 200, 3), np.uint8)
    noise = baselines.make("noise", large, 1)
    assert (noise.min(), noise.max()) == (0, 255)
    assert abs(float(noise.mean()) - 127.5) < 1
    assert not np.array_equal(noise, baselines.make("noise", large, 2))
    assert len(np.unique(baselines.make("mean", PICTURE, 0).reshape(-1, 3), axis=0)) == 1
    assert baselines.make("blur", PICTURE, 0).std() < PICTURE.std() / 2


def test_an_unknown_kind_of_baseline_is_refused():
    with pytest.raises(InputError, match="expected a picture or noise, blur, mean as the baseline, found 'black'"):
        baselines.make("black", PICTURE, 0)
