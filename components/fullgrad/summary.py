"""Means with their intervals, and which way a paired difference went, if it can be told."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from components import intervals


def mean(values: Sequence[float]) -> dict[str, Any]:
    """Returns ``mean``, ``low``, ``high`` (null below two values) and ``count``."""
    if len(values) < 2:
        return {"mean": values[0] if values else None, "low": None, "high": None, "count": len(values)}
    low, high = intervals.mean(values)
    return {"mean": fmean(values), "low": low, "high": high, "count": len(values)}


def change(before: Sequence[float], after: Sequence[float]) -> dict[str, Any]:
    """Returns the mean of the paired differences, and their ``direction``: up, down or neither."""
    differences = [b - a for a, b in zip(before, after, strict=True)]
    return {**mean(differences), "direction": intervals.direction(intervals.mean(differences))}
