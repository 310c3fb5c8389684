"""How often chance alone tells two windows as far apart: p-values by drawing, for any distances of counts.

If two samples are from one distribution, every way of dealing the pooled records out to them was as likely. So the
pooled counts are dealt out again and again (multivariate hypergeometric draws), and the p-value is the share of deals
with a distance as large as the one that was found: right for every sample size and however many values are tied.
The one that was found counts among the deals, so a p-value is never 0 (Phipson and Smyth, "Permutation p-values should
never be zero", 2010).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from components.monitor.grids import Counts, Values

Statistic = Callable[[Counts, Counts], Values]
"""From the counts of many pairs of samples, each ``(pairs, bins)``, to their distances ``(pairs,)``."""

ENOUGH = 50
"""Deals as far apart as the found one, after which the p-value is known well enough."""

_FIRST, _MOST = 128, 2048  # deals at a time
_CELLS = 1_000_000  # counts of these, so that a hundred thousand classes need no more memory than ten
_RECORDS = 400_000_000  # numpy draws from less than 10^9
_BIN = 8  # records that numpy deals out in the time in which it draws the count of one bin


class Sampled(NamedTuple):
    """A p-value and the deals that it rests on."""

    p_value: float
    draws: int


def p_value(first: Counts, second: Counts, statistic: Statistic, draws: int, seed: int, name: str) -> Sampled:
    """Returns how probable a distance as large as that of two samples is if both are from one distribution.

    ``(k + 1) / (draws + 1)`` with the ``k`` deals that are as far apart; after the 50th of them at deal ``l`` it stops
    with ``50 / l``, which is as valid (Besag and Clifford, "Sequential Monte Carlo p-values", 1991).

    Args:
        first: Counts ``(bins,)``, not all 0.
        second: Of the other sample.
        statistic: The distance.
        draws: The most deals.
        seed: Of the draws; the same seed and counts give the same p-value.
        name: Of the test; each has draws of its own.
    """
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    first, second = _thinned(random, first), _thinned(random, second)
    pooled = first + second
    first, second, pooled = first[pooled > 0], second[pooled > 0], pooled[pooled > 0]
    found = statistic(first[None], second[None])[0]
    done = exceeded = 0
    most = max(1, min(_MOST, _CELLS // max(1, len(pooled))))
    size = min(_FIRST, most)
    # One record after the other, or one bin after the other: whichever are fewer.
    method: Literal["count", "marginals"] = "count" if pooled.sum() <= _BIN * len(pooled) else "marginals"
    while done < draws:
        dealt = random.multivariate_hypergeometric(pooled, int(first.sum()), min(size, draws - done), method=method)
        reached = np.flatnonzero(statistic(dealt, pooled - dealt) >= found * (1 - 1e-12))
        if exceeded + len(reached) >= ENOUGH:
            at = done + int(reached[ENOUGH - exceeded - 1]) + 1
            return Sampled(ENOUGH / at, at)
        exceeded += len(reached)
        done += len(dealt)
        size = min(2 * size, most)
    return Sampled((exceeded + 1) / (draws + 1), draws)


def _thinned(random: np.random.Generator, counts: Counts) -> Counts:
    """Returns the counts, or those of a random subsample of a sample that is too large to draw from."""
    total = int(counts.sum())
    return counts if total <= _RECORDS else random.binomial(counts, _RECORDS / total)


def kolmogorov_smirnov(first: Counts, second: Counts) -> Values:
    """Returns the largest distance of the two distribution functions."""
    return _scaled(first, second, np.cumsum)


def largest_share(first: Counts, second: Counts) -> Values:
    """Returns the largest difference of a share, SageMaker's LInfinity."""
    return _scaled(first, second, lambda counts, axis: counts)


def chi_squared(first: Counts, second: Counts) -> Values:
    """Returns Pearson's statistic of the table of two rows; columns without a record are left out."""
    n, m = first.sum(axis=1, keepdims=True), second.sum(axis=1, keepdims=True)
    pooled = first + second
    off = (m * first - n * second).astype(np.float64)
    parts = np.divide(off**2, pooled, out=np.zeros_like(off), where=pooled > 0)
    found: Values = parts.sum(axis=1) / (n * m)[:, 0].astype(np.float64)
    return found


def _scaled(first: Counts, second: Counts, running: Callable[..., Counts]) -> Values:
    # In whole numbers to the end: ties between deals are ties.
    n, m = first.sum(axis=1, keepdims=True), second.sum(axis=1, keepdims=True)
    apart = np.abs(m * running(first, axis=1) - n * running(second, axis=1)).max(axis=1)
    found: Values = apart / (n * m)[:, 0]
    return found


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Returns the p-values corrected for being many, by Holm, "A simple sequentially rejective procedure", 1979.

    Rejecting what is at most alpha errs anywhere with probability alpha at most, however the tests hang together.
    """
    largest, corrected = 0.0, {}
    for i, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        largest = max(largest, min(1.0, (len(p_values) - i) * p))
        corrected[name] = largest
    return corrected
