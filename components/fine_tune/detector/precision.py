"""Average precision under three rules, with bootstrap intervals over pictures; NumPy alone.

``VOC07``
    The mean of the precision at the recalls 0, 0.1, …, 1 (VOC until 2009, and GluonCV's ``VOC07MApMetric``).
``AREA``
    The area under the curve (VOC since 2010, and GluonCV's ``VOCMApMetric``).
``COCO``
    The mean of the precision at the recalls 0, 0.01, …, 1.

Under each of them the precision at a recall is the best one at that recall or a higher one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.fine_tune.detector.matching import HIT, MISS, Matches

# Not i / 10: VOC's own code multiplies, and so misses a recall of exactly 0.3, 0.6 or 0.7; figures must be comparable.
VOC07 = np.arange(11, dtype=np.float64) * np.float64(0.1)
COCO: NDArray[np.float64] = np.linspace(0.0, 1.0, 101)
AREA = None

Rule = NDArray[np.float64] | None

_VALUES = 4_000_000  # of a curve's matrix, at once in memory


class Estimate(NamedTuple):
    """A figure and its percentile interval."""

    value: float
    low: float
    high: float


class Curve(NamedTuple):
    """Precision over recall, each ``(draws, detections)``: the first row is the pictures as they are."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]


def curve(matches: Matches, threshold: int = 0, weights: NDArray[np.integer] | None = None) -> Curve:
    """Returns recall and precision after each detection, best first.

    Args:
        matches: What each detection hit.
        threshold: Which row of the outcomes.
        weights: ``(draws, pictures)``, how often a draw holds each picture; once each by default. A picture that is
            drawn twice counts as two equal ones.

    Returns:
        NaN as recall where there is nothing to be found.
    """
    if weights is None:
        weights = np.ones((1, len(matches.positives)), np.int64)
    drawn, outcomes = weights[:, matches.pictures], matches.outcomes[threshold]
    hits = np.cumsum(drawn * (outcomes == HIT), axis=1)
    seen = hits + np.cumsum(drawn * (outcomes == MISS), axis=1)
    positives = (weights @ matches.positives)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Curve(hits / positives, np.where(seen > 0, hits / seen, 0.0))


def average_precision(curve: Curve, rule: Rule) -> NDArray[np.float64]:
    """Returns the average precision of each draw, ``(draws,)``; NaN for one without anything to be found."""
    recall = curve.recall
    best = np.maximum.accumulate(curve.precision[:, ::-1], axis=1)[:, ::-1]
    if rule is None:
        averages = np.sum(np.diff(recall, axis=1, prepend=0.0) * best, axis=1)
    else:
        beyond = np.concatenate([best, np.zeros((len(best), 1))], axis=1)  # a recall that is not reached
        at = np.stack([(recall < wanted).sum(1) for wanted in rule], axis=1)
        averages = np.take_along_axis(beyond, at, axis=1).mean(1)
    return averages


def draws(pictures: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draws pictures with replacement: ``(1 + count, pictures)``, how often each; the first row is all ones.

    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979. What is drawn are pictures
    and not objects, since the objects of a picture are found or missed together.
    """
    rng = np.random.default_rng(seed)
    resampled = rng.multinomial(pictures, np.full(pictures, 1 / pictures), count) if pictures else np.zeros((count, 0))
    return np.concatenate([np.ones((1, pictures)), resampled]).astype(np.int64)


def averages(matches: Matches, rule: Rule, weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the average precision of one class over all its thresholds, in each draw, ``(draws,)``."""
    found = np.full(len(weights), np.nan)
    step = max(1, _VALUES // max(1, len(matches.scores)))
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        rows = [average_precision(curve(matches, t, weights[part]), rule) for t in range(len(matches.outcomes))]
        found[part] = np.mean(rows, axis=0)
    found[weights @ matches.positives == 0] = np.nan
    return found


def mean_over_classes(classes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Returns the mean of the classes that a draw has anything of, ``(draws,)``; NaN where it has nothing at all."""
    table = np.stack(classes)
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(0) / known.sum(0)


def estimate(values: NDArray[np.float64], confidence: float = 0.95) -> Estimate:
    """Returns a figure with its percentile interval.

    Args:
        values: ``(1 + draws,)``: the figure itself, then that of each draw.
        confidence: The interval's.

    Returns:
        All of [0, 1] as the interval where nothing could be drawn.
    """
    drawn = values[1:][~np.isnan(values[1:])]
    if not len(drawn) or np.isnan(values[0]):
        return Estimate(float(values[0]), 0.0, 1.0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(float(values[0]), float(low), float(high))
