"""The rules that compare a share with a fixed threshold.

How a verdict is reached: with ``minimum_records`` or more, the value decides. With fewer, only an interval that lies
wholly on one side of the threshold does, and one that straddles it is *not enough data*: 1 of 1 is a share of 100 %,
and its Wilson interval begins at 20.7 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.monitor.constraints import Constraints
from components.monitor.grids import CLASS, CONFIDENCE
from components.monitor.intervals import wilson
from components.monitor.settings import Settings
from components.monitor.statistics import Statistics
from components.report.verdicts import NOT_ENOUGH_DATA, OK, VIOLATED, Finding

OVER_PREDICTED, LOW_CONFIDENCE, UNRELATED = "over_predicted_class", "low_confidence", "unrelated_top_three"
COMPLETENESS, SCORE_COMPLETENESS, UNKNOWN_CLASS = "completeness", "score_completeness", "unknown_class"

_MOST = 1_000  # classes that a finding lists


@dataclass(frozen=True)
class Share:
    """A share that must not pass a threshold.

    Attributes:
        rule: Its name.
        part: Of ``whole``.
        whole: Records or predictions.
        threshold: What the share must not be above; below, if ``least``.
        least: Whether the threshold is the least share instead of the largest.
    """

    rule: str
    part: int
    whole: int
    threshold: float
    least: bool = False

    def verdict(self, settings: Settings) -> str:
        """Returns ``ok``, ``violated`` or ``not_enough_data``."""
        interval = wilson(self.part, self.whole, settings.confidence)
        if interval is None:
            return NOT_ENOUGH_DATA
        value = self.part / self.whole
        wrong = value < self.threshold if self.least else value > self.threshold
        enough = self.whole >= settings.minimum_records
        if not enough and interval[0] <= self.threshold <= interval[1]:
            return NOT_ENOUGH_DATA
        return VIOLATED if wrong else OK

    def finding(self, settings: Settings, description: str, **details: Any) -> Finding:
        """Returns what the rule found."""
        return Finding(
            self.rule,
            self.verdict(settings),
            self.part / self.whole if self.whole else None,
            self.threshold,
            wilson(self.part, self.whole, settings.confidence),
            settings.confidence,
            self.whole,
            None,
            None,
            description,
            {"part": self.part, **details},
        )


def findings(window: Statistics, constraints: Constraints, settings: Settings) -> list[Finding]:
    """Returns what the share rules found."""
    return [
        _over_predicted(window, settings),
        _low_confidence(window, settings),
        _unrelated(window, settings),
        _completeness(window, constraints, settings),
        _score_completeness(window, constraints, settings),
        _unknown_class(window, constraints, settings),
    ]


def over_predicted(window: Statistics, settings: Settings) -> list[tuple[str, Share]]:
    """Returns the classes above the threshold, most frequent first; the most frequent one if there are none."""
    ordered = sorted(window.classes.items(), key=lambda item: (-item[1].count, item[0]))
    shares = [
        (name, Share(OVER_PREDICTED, tally.count, window.predictions, settings.share_threshold))
        for name, tally in ordered
    ]
    above = [(name, share) for name, share in shares if share.part > share.threshold * share.whole]
    return above[:_MOST] or shares[:1]


def _over_predicted(window: Statistics, settings: Settings) -> Finding:
    found = over_predicted(window, settings)
    if not found:
        none = Share(OVER_PREDICTED, 0, 0, settings.share_threshold)
        return none.finding(settings, "No prediction in the window.", classes=[], flagged_classes=[])
    shares = [_class_share(window, name, share, settings) for name, share in found]
    (_, largest), verdict = found[0], found[0][1].verdict(settings)
    words = "; ".join(one["description"] for one in shares)
    if verdict != VIOLATED:
        words = f"Class {window.shown(found[0][0])} predicted most, {_of(largest)} times"
    violated = [one["class"] for one in shares if one["violated"]]
    return largest.finding(settings, words, classes=shares, flagged_classes=violated)


def _class_share(window: Statistics, name: str, share: Share, settings: Settings) -> dict[str, Any]:
    value, limit = share.part / share.whole, share.threshold
    # The wording is the seed's.
    text = f"Class {window.shown(name)} predicted {value:.2%} of the time: Exceeded {limit:.2%} threshold"
    violated = share.verdict(settings) == VIOLATED
    return {"class": name, "count": share.part, "value": value, "violated": violated, "description": text}


def _low_confidence(window: Statistics, settings: Settings) -> Finding:
    share = Share(LOW_CONFIDENCE, window.low, window.scored, settings.low_confidence_threshold)
    text = f"{_of(share)} predictions have a score below {settings.confidence_bound:g}"
    return share.finding(settings, text, bound=settings.confidence_bound)


def _unrelated(window: Statistics, settings: Settings) -> Finding:
    share = Share(UNRELATED, window.unrelated, window.ranked, settings.unrelated_threshold)
    text = f"{_of(share)} predictions have three unrelated classes at the top, each below {settings.confidence_bound:g}"
    return share.finding(settings, text, bound=settings.confidence_bound)


def _completeness(window: Statistics, constraints: Constraints, settings: Settings) -> Finding:
    whole = window.records + window.broken
    there = window.records - window.unreadable
    share = Share(COMPLETENESS, there, whole, constraints.completeness[CLASS], least=True)
    parts = f"{window.unreadable} without a readable prediction, {window.broken} broken lines"
    return share.finding(
        settings, f"{_of(share)} records are complete ({parts})", unreadable=window.unreadable, broken=window.broken
    )


def _score_completeness(window: Statistics, constraints: Constraints, settings: Settings) -> Finding:
    least = constraints.completeness.get(CONFIDENCE, 0.0)
    share = Share(SCORE_COMPLETENESS, window.scored, window.predictions, least, least=True)
    return share.finding(settings, f"{_of(share)} predictions come with a score")


def _unknown_class(window: Statistics, constraints: Constraints, settings: Settings) -> Finding:
    unknown = {name: tally.count for name, tally in window.classes.items() if name not in constraints.domains}
    limit = constraints.domain_content_threshold
    share = Share(UNKNOWN_CLASS, sum(unknown.values()), window.predictions, limit)
    most = sorted(unknown, key=lambda name: (-unknown[name], name))[:_MOST]
    return share.finding(
        settings, f"{_of(share)} predictions are of classes that the baseline lacks", flagged_classes=most
    )


def _of(share: Share) -> str:
    return f"{share.part:,} of {share.whole:,}"
