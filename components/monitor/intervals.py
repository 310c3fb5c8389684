"""Where a measured quantity lies, with a stated confidence."""

from __future__ import annotations

import math
from statistics import NormalDist

from components import intervals
from components.monitor.grids import Counts

Interval = tuple[float, float]


def quantile(probability: float) -> float:
    """Returns the standard normal quantile."""
    return NormalDist().inv_cdf(probability)


def wilson(part: int, whole: int, confidence: float) -> Interval | None:
    """Returns Wilson's interval of a share; None of nothing, which is no interval to judge by."""
    return intervals.wilson(part, whole, confidence) if whole else None


def difference(a: int, n: int, b: int, m: int, confidence: float) -> Interval:
    """Returns the interval of ``a / n - b / m``.

    Newcombe, "Interval estimation for the difference between independent proportions", 1998, method 10.
    """
    first, second = wilson(a, n, confidence), wilson(b, m, confidence)
    if first is None or second is None:
        return -1.0, 1.0
    p, q = a / n, b / m
    low = p - q - math.hypot(p - first[0], second[1] - q)
    high = p - q + math.hypot(first[1] - p, q - second[0])
    return max(-1.0, low), min(1.0, high)


def largest_difference(first: Counts, second: Counts, confidence: float) -> Interval:
    """Returns the interval of the largest difference of shares over all classes.

    Each class's interval has the confidence of one of so many (Bonferroni), so that all of them hold at once, and then
    their largest does.

    Args:
        first: Counts ``(classes,)`` of one sample, not all 0.
        second: Of the other.
        confidence: Of the result.
    """
    n, m = int(first.sum()), int(second.sum())
    each = 1 - (1 - confidence) / len(first)
    found = [difference(a, n, b, m, each) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    low = max(0.0, *(side for low, high in found for side in (low, -high)))
    return low, max(side for low, high in found for side in (high, -low))


def distance(value: float, n: int, m: int, confidence: float) -> Interval:
    """Returns the interval of the largest distance between two distribution functions, given the samples' distance.

    Each sample's function lies within ``sqrt(ln(2 / a) / 2n)`` of the true one with probability 1 - a, whatever the
    distribution: Dvoretzky, Kiefer and Wolfowitz, 1956, with the constant of Massart, 1990. Wide, and never wrong.
    """
    a = (1 - confidence) / 2
    reach = math.sqrt(math.log(2 / a) / (2 * n)) + math.sqrt(math.log(2 / a) / (2 * m))
    return max(0.0, value - reach), min(1.0, value + reach)


def association(chi_squared: float, freedom: int, records: int, confidence: float) -> Interval:
    """Returns the interval of Cramér's V of a table with two rows.

    The noncentrality that makes the statistic just too large and just too small, by Steiger and Fouladi,
    "Noncentrality interval estimation", 1997; V is its root over the records'.
    """
    tail = (1 - confidence) / 2
    low, high = (noncentrality(chi_squared, freedom, below) for below in (1 - tail, tail))
    return min(1.0, math.sqrt(low / records)), min(1.0, math.sqrt(high / records))


def noncentrality(value: float, freedom: int, below: float) -> float:
    """Returns the noncentrality at which chi-squared lies below ``value`` with the given probability; at least 0."""
    from scipy.special import chndtr, chndtrinc  # scipy.stats has the same, and takes a second to import

    if value > 1e6:  # by then it is normal: mean f + λ, variance 2 (f + 2 λ)
        z = quantile(below)
        return max(0.0, (math.sqrt(max(0.0, value - freedom / 2 + z * z)) - z) ** 2 - freedom / 2)
    if chndtr(value, freedom, 0.0) <= below:
        return 0.0
    return float(chndtrinc(value, freedom, below))
