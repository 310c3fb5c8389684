"""Where a share or a mean lies: the intervals that stand beside every one this project states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev


def wilson(part: int, whole: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the score interval of ``part / whole``; (0, 1) of nothing.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if not whole:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    share = part / whole
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = math.sqrt(z2 * (share * (1 - share) / whole + z2 / (4 * whole * whole))) / (1 + z2 / whole)
    return (0.0 if part == 0 else max(0.0, middle - half)), (1.0 if part == whole else min(1.0, middle + half))


def mean(values: Sequence[float], low: float = -math.inf, high: float = math.inf) -> tuple[float, float]:
    """Returns Student's interval of a mean at 95 %, cut to where values can lie; all of that from fewer than two.

    Args:
        values: Of which the mean is meant.
        low: The least that a value can be.
        high: The largest.
    """
    if len(values) < 2:
        return low, high
    middle, half = fmean(values), student(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return max(low, middle - half), min(high, middle + half)


def direction(interval: tuple[float, float]) -> str:
    """Returns ``up`` or ``down``, or ``neither`` for a difference whose interval holds 0."""
    low, high = interval
    return "up" if low > 0 else "down" if high < 0 else "neither"


def student(freedom: int) -> float:
    """Returns Student's two-sided quantile for 95 %.

    Exact for one and two degrees of freedom; above, the expansion about the normal's (Abramowitz and Stegun, 26.7.5),
    right within 0.7 % for three and 0.2 % for five.
    """
    if freedom < 3:
        return (12.7062047364, 4.30265272991)[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / freedom**i for i, term in enumerate(terms))
