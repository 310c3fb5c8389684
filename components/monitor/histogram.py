"""A quantity, counted: bins, and the few numbers that SageMaker's ``numerical_statistics`` hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from components.monitor.grids import Counts, Grid, Values


@dataclass
class Histogram:
    """Values of one quantity, counted on a grid.

    Attributes:
        grid: The bins.
        counts: int64 ``(bins,)``.
        total: Values, the sum of the counts.
        mean: Of the values; 0 where there are none.
        squares: Sum of the squared differences from the mean.
        low: The smallest; infinite where there are none.
        high: The largest.
    """

    grid: Grid
    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    total: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def __post_init__(self) -> None:
        if not len(self.counts):
            self.counts = np.zeros(self.grid.bins, np.int64)

    def add(self, values: Values) -> None:
        """Counts finite values ``(n,)``; the same values in the same order and portions give the same bits.

        Portions are merged as in Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
        """
        n = len(values)
        if not n:
            return
        self.counts += np.bincount(self.grid.index(values), minlength=self.grid.bins)
        mean = float(values.mean())
        squares = float(np.square(values - mean).sum())
        total = self.total + n
        self.squares += squares + (mean - self.mean) ** 2 * (self.total * n / total)
        self.mean += (mean - self.mean) * (n / total)
        self.total = total
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def std_dev(self) -> float:
        """Standard deviation of the values, with n in the denominator; 0 where there are none."""
        return math.sqrt(self.squares / self.total) if self.total else 0.0
