"""What became of a quantity between two windows, recomputed for the page from what the artifacts hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from components.intervals import direction, mean


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
        return direction((self.low, self.high))


def change(before: Sequence[float], after: Sequence[float]) -> Change | None:
    """Compares two values of each image, pair by pair; None without images."""
    if not before:
        return None
    differences = [b - a for a, b in zip(before, after, strict=True)]
    return Change(fmean(before), fmean(after), *mean(differences, -1.0, 1.0), len(before))
