"""The thresholds of a check, proved sensible before anything is read.

A threshold that is missing, not a number, or one that nothing can pass does not make a quiet monitor here: it is an
error at the start. (The seed's monitor took ``nan`` for "no threshold", and no share is ever above nan.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from components.errors import InputError

TESTS = 11
"""Tests of a check at most: two of classes, three of answers, six of images."""


@dataclass(frozen=True)
class Settings:
    """What a check goes by, on top of ``constraints.json``.

    Attributes:
        share_threshold: The largest share of one predicted class, the seed's rule.
        confidence_bound: The score below which a prediction counts as low.
        low_confidence_threshold: The largest share of low scores.
        unrelated_threshold: The largest share of predictions whose best three are unrelated and each below the bound.
        mix_effect_threshold: The largest association (Cramér's V) of class and window.
        alpha: The probability of any false alarm among the tests of one check.
        confidence: Of the intervals.
        minimum_records: Below it, only a clear case is decided.
        allow_other_model: Whether records of another model than the baseline's are compared with it like any others.
        draws: Of a test's reference distribution, at most.
        seed: Of these draws.
        power: With which a test sees what is stated as the smallest change that it sees.
    """

    share_threshold: float = 0.5
    confidence_bound: float = 0.5
    low_confidence_threshold: float = 0.2
    unrelated_threshold: float = 0.1
    mix_effect_threshold: float = 0.2
    alpha: float = 0.01
    confidence: float = 0.95
    minimum_records: int = 30
    allow_other_model: bool = False
    draws: int = 9_999
    seed: int = 0
    power: float = 0.8

    def __post_init__(self) -> None:
        for name in ("share_threshold", "confidence_bound", "alpha", "confidence", "power"):
            _between(name, getattr(self, name), above_zero=True)
        for name in ("low_confidence_threshold", "unrelated_threshold", "mix_effect_threshold"):
            _between(name, getattr(self, name), above_zero=False)
        for name, least in (("minimum_records", 1), ("draws", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name}: expected a whole number from {least}, found {value!r}")
        if TESTS / (self.draws + 1) > self.alpha:
            least = math.ceil(TESTS / self.alpha) - 1
            raise InputError(
                f"draws: expected at least {least}, or alpha = {self.alpha} is out of reach, found {self.draws}"
            )


def _between(name: str, value: object, above_zero: bool) -> None:
    wanted = "a number between 0 and 1" if above_zero else "a number from 0 to below 1"
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value < 1
        or (above_zero and not value)
    ):
        raise InputError(f"{name}: expected {wanted}, found {value!r}")
