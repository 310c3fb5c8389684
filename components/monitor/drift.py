"""The rules that compare a window with the baseline: two-sample tests on counts.

How a verdict is reached: *violated* is a distance that is above its threshold **and** more than chance explains (its
corrected p-value is at most alpha). A distance above the threshold that chance explains is *not enough data*: two
windows of that size from the same traffic would often be as far apart. With fewer than ``minimum_records`` on either
side nothing else is said either, unless it is violated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from components.monitor import resampling
from components.monitor.constraints import Constraints
from components.monitor.grids import ANSWERS, CLASS, GRIDS, PICTURES, Counts
from components.monitor.intervals import Interval, association, distance, largest_difference
from components.monitor.settings import Settings
from components.monitor.statistics import Statistics, aligned
from components.report.verdicts import NOT_ENOUGH_DATA, OK, VIOLATED, Finding

MIX_LINF, MIX_CHI_SQUARED = "class_mix_linf", "class_mix_chi_squared"
FEATURES = {
    **{f"{name.lower()}_drift": name for name in ANSWERS + PICTURES[:4]},
    "width_drift": "ImageWidth",
    "height_drift": "ImageHeight",
}
"""The feature that each drift rule compares."""


@dataclass(frozen=True)
class Comparison:
    """Two samples of counts and how they are compared.

    Attributes:
        rule: Its name.
        feature: In ``statistics.json``.
        first: Counts ``(bins,)`` of the window.
        second: Of the baseline.
        threshold: The largest distance.
        names: Of the bins, where these are classes.
    """

    rule: str
    feature: str
    first: Counts
    second: Counts
    threshold: float
    names: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Values in the window."""
        return int(self.first.sum())

    @property
    def m(self) -> int:
        """Values in the baseline."""
        return int(self.second.sum())

    @property
    def classes(self) -> int:
        """Bins that hold anything."""
        return int(((self.first + self.second) > 0).sum())

    @property
    def statistic(self) -> resampling.Statistic:
        """The distance that the test goes by."""
        named = {MIX_LINF: resampling.largest_share, MIX_CHI_SQUARED: resampling.chi_squared}
        return named.get(self.rule, resampling.kolmogorov_smirnov)

    def raw(self) -> float:
        """The statistic of the two samples."""
        return float(self.statistic(self.first[None], self.second[None])[0])

    def value(self) -> float:
        """The distance that is compared with the threshold.

        For chi-squared it is Cramér's V without what chance adds: the root of ``(X² - df) / records``, after Bergsma,
        "A bias-correction for Cramér's V and Tschuprow's T", 2013.
        """
        if self.rule != MIX_CHI_SQUARED:
            return self.raw()
        return min(1.0, math.sqrt(max(0.0, self.raw() - (self.classes - 1)) / (self.n + self.m)))

    def interval(self, confidence: float) -> Interval:
        """Where the true distance lies."""
        if self.rule == MIX_LINF:
            return largest_difference(self.first, self.second, confidence)
        if self.rule == MIX_CHI_SQUARED:
            if self.classes < 2:
                return 0.0, 0.0
            return association(self.raw(), self.classes - 1, self.n + self.m, confidence)
        return distance(self.raw(), self.n, self.m, confidence)


def comparisons(
    window: Statistics, baseline: Statistics, constraints: Constraints, settings: Settings
) -> Iterator[Comparison]:
    """Yields the comparisons that ``constraints.json`` asks for."""
    distances = constraints.distances
    if CLASS in distances:
        names, first, second = aligned(window.classes, baseline.classes)
        yield Comparison(MIX_LINF, CLASS, first, second, distances[CLASS], tuple(names))
        yield Comparison(MIX_CHI_SQUARED, CLASS, first, second, settings.mix_effect_threshold, tuple(names))
    for rule, feature in FEATURES.items():
        if feature in distances:
            first, second = window.histograms[feature].counts, baseline.histograms[feature].counts
            yield Comparison(rule, feature, first, second, distances[feature])


def findings(compared: list[Comparison], window: Statistics, settings: Settings) -> list[Finding]:
    """Returns what the comparisons found, corrected for being many."""
    found = [_uncorrected(one, window, settings) for one in compared]
    corrected = resampling.holm({one.rule: one.p_value for one in found if one.p_value is not None})
    return [
        _judged(one, corrected.get(one.rule), comparison, settings)
        for one, comparison in zip(found, compared, strict=True)
    ]


def _uncorrected(one: Comparison, window: Statistics, settings: Settings) -> Finding:
    details: dict[str, Any] = {"feature": one.feature, "baseline_size": one.m}
    if not (one.n and one.m):
        side = "window" if not one.n else "baseline"
        text = f"{one.feature}: nothing to compare, the {side} holds no value"
        return Finding(
            one.rule, NOT_ENOUGH_DATA, None, one.threshold, None, settings.confidence, one.n, None, None, text, details
        )
    sampled = resampling.p_value(one.first, one.second, one.statistic, settings.draws, settings.seed, one.rule)
    value = one.value()
    text, more = _described(one, window, value)
    details |= {"statistic": one.raw(), "draws": sampled.draws, **more}
    interval = one.interval(settings.confidence)
    return Finding(
        *(one.rule, NOT_ENOUGH_DATA, value, one.threshold, interval, settings.confidence, one.n),
        *(sampled.p_value, None, text, details),
    )


def _judged(found: Finding, corrected: float | None, one: Comparison, settings: Settings) -> Finding:
    if corrected is None or found.value is None:
        return found
    above = found.value > found.threshold
    if above and corrected <= settings.alpha:
        verdict = VIOLATED
    elif above or min(one.n, one.m) < settings.minimum_records:
        verdict = NOT_ENOUGH_DATA
    else:
        verdict = OK
    return replace(found, verdict=verdict, adjusted_p=corrected)


def _described(one: Comparison, window: Statistics, value: float) -> tuple[str, dict[str, Any]]:
    if one.feature == CLASS:
        off = one.first / one.n - one.second / one.m
        at = int(np.argmax(off)) if one.rule == MIX_CHI_SQUARED else int(np.argmax(np.abs(off)))
        name = one.names[at]
        now, before = one.first[at] / one.n, one.second[at] / one.m
        measure = f"Cramér's V {value:.3f}" if one.rule == MIX_CHI_SQUARED else f"distance {value:.3f}"
        text = (
            f"Class shares: {measure} from the baseline; class {window.shown(name)} has {now:.2%}, there {before:.2%}"
        )
        more = [one.names[i] for i in np.flatnonzero(off >= max(off.max() / 2, 1e-9))]
        return text, {"class": name, "flagged_classes": more}
    edges = GRIDS[one.feature].edges
    apart = np.cumsum(one.first) / one.n - np.cumsum(one.second) / one.m
    at = int(np.argmax(np.abs(apart)))
    lower = bool(apart[at] > 0)
    cut = edges[at + 1]
    now, before = np.cumsum(one.first)[at] / one.n, np.cumsum(one.second)[at] / one.m
    if not value:
        return f"{one.feature}: no distance from the baseline", {"cut": cut, "lower": lower}
    text = f"{one.feature}: distance {value:.3f} from the baseline; {now:.2%} lie below {cut:.4g}, there {before:.2%}"
    return text, {"cut": cut, "lower": lower}
