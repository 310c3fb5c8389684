"""The numbers of an attack: shares with their intervals, lengths, and which way the confidence went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from components.data.attacked import Attacked
from components.intervals import direction, mean, wilson


def metrics(rows: Sequence[Attacked]) -> dict[str, float | int]:
    """Returns the flat metrics of an attack; lengths in pixels of [0, 1], of the successes."""
    tried = [row for row in rows if not row.skipped]
    done = [row for row in tried if row.success]
    low, high = wilson(len(done), len(tried))
    found: dict[str, float | int] = {
        "images": len(tried),
        "skipped": len(rows) - len(tried),
        "succeeded": len(done),
        "success_rate": len(done) / len(tried) if tried else 0.0,
        "success_rate_low": low,
        "success_rate_high": high,
        "mean_steps": float(np.mean([row.steps for row in tried])) if tried else 0.0,
    }
    for name in ("l2", "linf"):
        lengths = [getattr(row, name) for row in done] or [0.0]
        found[f"{name}_median"], found[f"{name}_max"] = float(np.median(lengths)), max(lengths)
    for name, value in confidence(rows).items():
        if isinstance(value, float):
            found[f"confidence_{name}"] = value
    return {name: value if isinstance(value, int) else round(value, 6) for name, value in found.items()}


def confidence(rows: Sequence[Attacked]) -> dict[str, Any]:
    """Compares the score of the predicted class before and after, on the successes.

    Returns:
        ``clean`` and ``attacked`` (mean scores), ``clean_below_half`` and ``attacked_below_half`` (shares), ``change``
        with ``change_low`` and ``change_high`` (the mean of the pairs' differences, its interval at 95 %), ``images``,
        and ``went``: ``down``, ``up``, or ``neither`` where the interval holds 0.
    """
    done = [row for row in rows if row.success]
    before = np.array([row.score_before for row in done] or [0.0])
    after = np.array([row.score_after for row in done] or [0.0])
    difference = after - before
    # A change of a share lies in [-1, 1], whatever so few images say.
    low, high = mean([float(one) for one in difference], -1.0, 1.0)
    return {
        "images": len(done),
        "clean": float(before.mean()),
        "attacked": float(after.mean()),
        "clean_below_half": float((before < 0.5).mean()),
        "attacked_below_half": float((after < 0.5).mean()),
        "change": float(difference.mean()),
        "change_low": low,
        "change_high": high,
        "went": direction((low, high)),
    }
