"""Where a mean lies, recomputed for the page from what the artifacts hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

Interval = tuple[float, float]


def mean(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Returns the normal interval of a mean of values in [0, 1]; (0, 1) of fewer than two."""
    if len(values) < 2:
        return 0.0, 1.0
    low, high = _around(values, confidence)
    return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class Change:
    """What became of a quantity in [0, 1] that each of ``pairs`` images has twice.

    Attributes:
        before: Mean of the first values.
        after: Mean of the second ones.
        low: Of the interval of the mean difference, at 95 %.
        high: Of the same.
        pairs: How many.
    """

    before: float
    after: float
    low: float
    high: float
    pairs: int

    @property
    def change(self) -> float:
        """The mean difference."""
        return self.after - self.before

    @property
    def went(self) -> str:
        """``up`` or ``down``; ``neither`` where the interval holds 0."""
        return "up" if self.low > 0 else "down" if self.high < 0 else "neither"


def change(before: Sequence[float], after: Sequence[float]) -> Change | None:
    """Compares two values of each image, pair by pair; None without images."""
    if not before:
        return None
    differences = [b - a for a, b in zip(before, after, strict=True)]
    low, high = _around(differences, 0.95) if len(before) > 1 else (-1.0, 1.0)
    return Change(fmean(before), fmean(after), max(-1.0, low), min(1.0, high), len(before))


def _around(values: Sequence[float], confidence: float) -> Interval:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half
