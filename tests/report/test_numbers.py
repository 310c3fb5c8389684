"""The numbers that the page recomputes: intervals, changes, differences of images, and charts of shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from page_reading import read_page
from scipy import stats

from components.intervals import mean, student, wilson
from components.report import differences, wording
from components.report.bands import BandChart
from components.report.changes import change
from components.report.page import Page, Section

images = hnp.arrays(np.uint8, (6, 5, 3))


@given(st.integers(1, 5000), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_of_a_share_is_scipys(whole: int, data: st.DataObject, confidence: float) -> None:
    part = data.draw(st.integers(0, whole))
    oracle = stats.binomtest(part, whole).proportion_ci(confidence, method="wilson")
    assert wilson(part, whole, confidence) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_nothing_says_nothing_of_a_share() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean([], 0, 1) == mean([0.5], 0, 1) == (0.0, 1.0)
    assert change([], []) is None


shares = st.lists(st.floats(0, 1), min_size=2, max_size=40)


@given(shares, st.randoms(use_true_random=False))
def test_a_change_turns_round_with_its_sides_and_does_not_depend_on_the_order(
    before: list[float], random: object
) -> None:
    after = before[::-1]
    one, other = change(before, after), change(after, before)
    assert one is not None
    assert other is not None
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    assert {"up": "down", "down": "up", "neither": "neither"}[one.went] == other.went
    pairs = list(zip(before, after, strict=True))
    random.shuffle(pairs)  # type: ignore[attr-defined]
    again = change([a for a, _ in pairs], [b for _, b in pairs])
    assert again is not None
    assert (again.low, again.high) == pytest.approx((one.low, one.high), abs=1e-9)


@given(st.integers(1, 5000))
def test_students_quantile_is_scipys(freedom: int) -> None:
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.007)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
def test_a_change_is_scipys_interval_of_the_differences(pairs: list[tuple[float, float]]) -> None:
    found = change([a for a, _ in pairs], [b for _, b in pairs])
    assert found is not None
    moved = np.array([b - a for a, b in pairs])
    half = stats.t.ppf(0.975, len(moved) - 1) * moved.std(ddof=1) / math.sqrt(len(moved))
    low, high = moved.mean() - half, moved.mean() + half
    assert (found.low, found.high) == pytest.approx((max(-1, low), min(1, high)), abs=0.007 * half + 1e-9)
    assert found.change == pytest.approx(moved.mean(), abs=1e-12)


@given(images, images)
def test_a_difference_gives_the_attacked_image_back_and_has_numpys_lengths(
    before: np.ndarray, after: np.ndarray
) -> None:
    found = differences.difference(before, after)
    assert np.array_equal(before + found, after)
    flat = (after.astype(float) - before).ravel() / 255
    lengths = differences.lengths(found)
    assert lengths.l2 == pytest.approx(np.linalg.norm(flat), abs=1e-12)
    assert lengths.linf == pytest.approx(np.linalg.norm(flat, np.inf), abs=1e-12)


@given(st.lists(st.tuples(images, images), min_size=1, max_size=4))
def test_differences_are_enlarged_as_far_as_hardly_anything_leaves_the_range(
    pairs: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    found = [differences.difference(a, b) for a, b in pairs]
    k = differences.factor(found)
    sizes = np.concatenate([np.abs(one).astype(int).ravel() for one in found])
    assert k in differences.FACTORS
    assert k == 1 or (sizes * k > 127).mean() <= 0.01
    larger = [other for other in differences.FACTORS if other > k]
    assert all((sizes * other > 127).mean() > 0.01 for other in larger)
    for one in found:
        shown = differences.shown(one, k)
        assert shown.dtype == np.uint8
        assert (shown[one == 0] == 128).all()
        assert ((shown > 128) <= (one > 0)).all()
        assert ((shown < 128) <= (one < 0)).all()


def test_images_of_two_sizes_have_no_difference() -> None:
    with pytest.raises(ValueError, match="expected two images of one size"):
        differences.difference(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8))
    assert differences.factor([]) == max(differences.FACTORS)


ordered = st.tuples(*[st.floats(0, 1)] * 3).map(sorted)


@given(st.lists(st.tuples(st.floats(0, 1e4), ordered), min_size=1, max_size=20))
def test_a_band_stays_inside_its_chart(points: list[tuple[float, list[float]]]) -> None:
    chart = BandChart("title", [(x, middle, low, high) for x, (low, middle, high) in points], "over", "words")
    found = read_page(Page("p", [Section("s", [chart])]).render())
    assert found.problems == []
    document = chart.render()
    for axis, most in (("cx", 520), ("cy", 260)):
        places = [float(part.split('"')[0]) for part in document.split(f'{axis}="')[1:]]
        assert len(places) == len(points)
        assert all(0 <= place <= most for place in places)


@pytest.mark.parametrize("point", [(0, 1.1, 0, 1), (0, 0.5, -0.1, 1), (math.nan, 0.5, 0, 1), (-1, 0.5, 0, 1)])
def test_a_band_of_what_is_no_share_is_refused(point: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected 1 to 200 shares"):
        BandChart("t", [point], "o", "w").render()
    with pytest.raises(ValueError, match="expected 1 to 200 shares"):
        BandChart("t", [], "o", "w").render()


def test_small_numbers_and_changes_are_short() -> None:
    assert [wording.small(x) for x in (2.6e-7, 1e-4, 0.0, 3e-12)] == ["3e-7", "0.0001", "0", "3e-12"]
    assert [wording.change(x) for x in (0.5, -0.5, 0.0)] == ["+0.50", "−0.50", "+0.00"]
