"""The smallest change that each rule would have seen, at this window's size: what its silence is worth.

Each is stated for the power of the settings (80 % by default), and on the careful side: a test may see less.
"""

from __future__ import annotations

import math
from typing import Any

from components.monitor.drift import MIX_CHI_SQUARED, MIX_LINF, Comparison
from components.monitor.intervals import noncentrality, quantile
from components.monitor.settings import Settings
from components.report.verdicts import Finding


def of_share(found: Finding, settings: Settings, least: bool) -> dict[str, Any]:
    """Returns the smallest true share above the threshold (the largest below it) that is reported with that power.

    Exact: the number that is found is binomial, and its tail is a beta distribution's. Below ``minimum_records``, where
    the interval decides, nothing is stated.
    """
    smallest = None
    n = found.sample_size
    if n >= settings.minimum_records:
        from scipy.special import betaincinv

        if least:  # found is k < threshold n; ask for P(X <= k) >= power
            k = math.ceil(found.threshold * n) - 1
            smallest = float(betaincinv(k + 1, n - k, 1 - settings.power)) if k >= 0 else None
        else:
            k = math.floor(found.threshold * n) + 1
            smallest = float(betaincinv(k, n - k + 1, settings.power)) if k <= n else None
    measure = "share, at most" if least else "share, at least"
    return {"rule": found.rule, "measure": measure, "smallest": smallest, "power": settings.power, "sample_size": n}


def of_comparison(one: Comparison, tests: int, settings: Settings) -> dict[str, Any]:
    """Returns the smallest true distance that is reported with that power, corrected as for the smallest p-value."""
    smallest = _smallest(one, settings.alpha / tests, settings.power) if one.n and one.m else None
    reachable = smallest if smallest is not None and smallest < 1 else None
    measure = "Cramér's V" if one.rule == MIX_CHI_SQUARED else "distance"
    return {
        **{"rule": one.rule, "measure": measure, "smallest": reachable, "power": settings.power},
        **{"sample_size": one.n, "baseline_size": one.m},
    }


def _smallest(one: Comparison, level: float, power: float) -> float:
    spread = math.sqrt(1 / one.n + 1 / one.m)
    if one.rule == MIX_CHI_SQUARED:
        return _association(one, level, power)
    if one.rule == MIX_LINF:
        share = min(0.5, float((one.first + one.second).max() / (one.n + one.m)))
        critical = quantile(1 - level / (2 * max(1, one.classes))) * math.sqrt(share * (1 - share)) * spread
    else:  # Smirnov's limit, which ties only make more careful
        critical = math.sqrt(-math.log(level / 2) / 2) * spread
    # At the place of the true distance the found one is normal around it, with a variance of 1/4 (1/n + 1/m) at most.
    return max(one.threshold, critical) + quantile(power) * 0.5 * spread


def _association(one: Comparison, level: float, power: float) -> float:
    from scipy.special import chdtri

    freedom, records = max(1, one.classes - 1), one.n + one.m
    critical = max(float(chdtri(freedom, level)), freedom + records * one.threshold**2)
    return math.sqrt(noncentrality(critical, freedom, 1 - power) / records)
