"""Intervals against scipy, published figures, and their own promise: that they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.monitor import intervals


@given(st.integers(1, 10**9), st.data(), st.sampled_from([0.8, 0.95, 0.999]))
def test_wilson_is_scipys(whole: int, data: st.DataObject, confidence: float) -> None:
    part = data.draw(st.integers(0, whole))
    found = intervals.wilson(part, whole, confidence)
    expected = stats.binomtest(part, whole).proportion_ci(confidence, "wilson")
    assert found == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-12)


def test_wilson_of_nothing_is_nothing() -> None:
    assert intervals.wilson(0, 0, 0.95) is None


@pytest.mark.parametrize(
    ("a", "n", "b", "m", "expected"),
    # Newcombe 1998, table II, method 10.
    [
        (56, 70, 48, 80, (0.0524, 0.3339)),
        (9, 10, 3, 10, (0.1705, 0.8090)),
        (6, 7, 2, 7, (0.0582, 0.8062)),
        (5, 56, 0, 29, (-0.0381, 0.1926)),
        (0, 10, 0, 10, (-0.2775, 0.2775)),
        (10, 10, 0, 10, (0.6075, 1.0)),
    ],
)
def test_the_difference_of_two_shares_is_newcombes(
    a: int, n: int, b: int, m: int, expected: tuple[float, float]
) -> None:
    assert intervals.difference(a, n, b, m, 0.95) == pytest.approx(expected, abs=6e-5)


@given(st.floats(0.1, 5e5), st.integers(1, 60), st.floats(0.02, 0.98))
@settings(max_examples=60)
def test_the_noncentrality_gives_the_probability_it_was_asked_for(value: float, freedom: int, below: float) -> None:
    found = intervals.noncentrality(value, freedom, below)
    if found:
        assert stats.ncx2.cdf(value, freedom, found) == pytest.approx(below, abs=1e-5)
    else:
        assert stats.chi2.cdf(value, freedom) <= below + 1e-6


@pytest.mark.parametrize("below", [0.025, 0.2, 0.975])
def test_the_normal_limit_of_the_noncentrality_meets_the_exact_one(below: float) -> None:
    exact, normal = (intervals.noncentrality(value, 42, below) for value in (1e6, 1.000001e6))
    assert normal == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_intervals_of_distances_cover_the_truth(shift: float) -> None:
    random = np.random.default_rng(7)
    truth = 2 * stats.norm.cdf(shift / 2) - 1
    shares = [np.full(8, 1 / 8), np.full(8, 1 / 8)]
    shares[1][:2] += [shift / 10, -shift / 10]
    apart = float(np.abs(shares[0] - shares[1]).max())
    association = math.sqrt(sum((p - q) ** 2 / (p + q) for p, q in zip(*shares, strict=True)) / 2)
    missed = np.zeros(3)
    for _ in range(300):
        first, second = random.normal(0, 1, 150), random.normal(shift, 1, 150)
        low, high = intervals.distance(float(stats.ks_2samp(first, second).statistic), 150, 150, 0.95)
        missed[0] += not low <= truth <= high
        one, two = (random.multinomial(300, p) for p in shares)
        low, high = intervals.largest_difference(one, two, 0.95)
        missed[1] += not low <= apart <= high
        value = stats.chi2_contingency([one, two], correction=False).statistic
        low, high = intervals.association(float(value), 7, 600, 0.95)
        missed[2] += not low <= association <= high
    assert (missed <= stats.binom.ppf(0.999, 300, 0.05)).all(), missed
