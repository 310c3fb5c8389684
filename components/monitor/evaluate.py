"""All rules over a window: pure, from counts to findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from components.monitor import drift, models, power, shares
from components.monitor.constraints import Constraints
from components.monitor.settings import Settings
from components.monitor.statistics import Statistics
from components.report.verdicts import Finding

_LEAST = (shares.COMPLETENESS, shares.SCORE_COMPLETENESS)


class Evaluated(NamedTuple):
    """What the rules found, and the smallest change that each would have seen."""

    rules: tuple[Finding, ...]
    power: tuple[Mapping[str, Any], ...]


def evaluate(window: Statistics, baseline: Statistics, constraints: Constraints, settings: Settings) -> Evaluated:
    """Applies every rule.

    Args:
        window: The counts to judge; its ``low`` and ``unrelated`` were counted with the settings' bound.
        baseline: What they are compared with.
        constraints: What ``constraints.json`` says.
        settings: The other thresholds.
    """
    fixed = shares.findings(window, constraints, settings)
    compared = list(drift.comparisons(window, baseline, constraints, settings))
    tested = drift.findings(compared, window, settings)
    tests = max(1, sum(one.p_value is not None for one in tested))
    stated = [power.of_share(one, settings, one.rule in _LEAST) for one in fixed]
    stated += [power.of_comparison(one, tests, settings) for one in compared]
    named = models.findings(window, baseline, settings)
    return Evaluated((*fixed, *tested, *named), tuple(stated))
