"""Where a share lies: the interval that stands beside every share this project states."""

from __future__ import annotations

import math
from statistics import NormalDist


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
