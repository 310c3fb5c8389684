"""Tests of two samples: against scipy, against counting every deal, and for what a p-value promises."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.monitor.resampling import chi_squared, holm, kolmogorov_smirnov, largest_share, p_value

STATISTICS = (kolmogorov_smirnov, largest_share, chi_squared)
COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12).map(np.array)


def samples(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)


@given(COUNTS)
def test_the_statistics_are_scipys(table: np.ndarray) -> None:
    first, second = samples(table)
    if not (first.sum() and second.sum()):
        return
    values = np.arange(len(first))
    ks = stats.ks_2samp(np.repeat(values, first), np.repeat(values, second), method="asymp").statistic
    assert kolmogorov_smirnov(first[None], second[None])[0] == pytest.approx(ks)
    filled = table[table.sum(axis=1) > 0].T
    chi2 = stats.chi2_contingency(filled, correction=False).statistic if filled.shape[1] > 1 else 0.0
    assert chi_squared(first[None], second[None])[0] == pytest.approx(chi2, abs=1e-9)
    apart = np.abs(first / first.sum() - second / second.sum()).max()
    assert largest_share(first[None], second[None])[0] == pytest.approx(apart)


def enumerated(first: np.ndarray, second: np.ndarray, statistic: object) -> float:
    """The exact p-value: all deals of the pooled counts, each with its probability."""
    pooled, n = first + second, int(first.sum())
    found = statistic(first[None], second[None])[0]  # type: ignore[operator]
    total = above = 0
    for dealt in itertools.product(*(range(count + 1) for count in pooled)):
        if sum(dealt) == n:
            one = np.array(dealt)
            ways = math.prod(math.comb(int(count), k) for count, k in zip(pooled, dealt, strict=True))
            total += ways
            above += ways * (statistic(one[None], (pooled - one)[None])[0] >= found * (1 - 1e-12))  # type: ignore[operator]
    return above / total


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("table", [[(5, 1), (2, 2), (1, 6)], [(3, 3), (4, 4)], [(8, 1), (0, 5), (2, 2), (1, 1)]])
def test_a_p_value_is_the_share_of_all_deals(statistic: object, table: list[tuple[int, int]]) -> None:
    first, second = samples(np.array(table))
    exact = enumerated(first, second, statistic)
    found = p_value(first, second, statistic, 100_000, 0, "test")  # type: ignore[arg-type]
    error = 4 * math.sqrt(max(exact, 1e-5) / found.draws) + 1e-4
    assert found.p_value == pytest.approx(exact, abs=error * 2)


@given(COUNTS, st.integers(0, 3))
@settings(max_examples=40)
def test_a_p_value_is_never_0_and_of_equal_samples_1(table: np.ndarray, seed: int) -> None:
    first, second = samples(table)
    if not (first.sum() and second.sum()):
        return
    for statistic in STATISTICS:
        found = p_value(first, second, statistic, 199, seed, "a")
        assert 1 / 200 <= found.p_value <= 1
        assert found == p_value(first, second, statistic, 199, seed, "a")
        assert p_value(first, first, statistic, 199, seed, "a").p_value == 1


def test_the_smallest_p_value_is_one_over_the_draws_and_one() -> None:
    first, second = np.array([500, 0]), np.array([0, 500])
    assert p_value(first, second, kolmogorov_smirnov, 999, 0, "a") == (1 / 1000, 999)


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.__name__)
def test_under_the_null_a_p_value_below_a_level_is_as_rare_as_the_level(statistic: object) -> None:
    random = np.random.default_rng(3)
    shares = random.dirichlet(np.ones(20))
    found = []
    for trial in range(400):
        first, second = random.multinomial(80, shares), random.multinomial(120, shares)
        found.append(p_value(first, second, statistic, 999, trial, "a").p_value)  # type: ignore[arg-type]
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) * 400 <= stats.binom.ppf(0.999, 400, level)


def test_samples_of_billions_are_tested_on_a_part_of_them() -> None:
    same, other = np.array([10**9, 10**9]), np.array([10**9, 10**9 + 10**7])
    assert p_value(same, same, chi_squared, 199, 0, "a").p_value > 0.001
    assert p_value(same, other, chi_squared, 199, 0, "a").p_value == 1 / 200


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=7))
def test_holm_is_closed_testing_with_bonferroni(values: list[float]) -> None:
    p = {f"t{i}": value for i, value in enumerate(values)}
    found = holm(p)
    for name in p:
        # Rejected by the closure: every set of hypotheses that holds this one is rejected.
        subsets = (s for r in range(1, len(p) + 1) for s in itertools.combinations(p, r) if name in s)
        assert found[name] == pytest.approx(max(min(1.0, len(s) * min(p[i] for i in s)) for s in subsets))
