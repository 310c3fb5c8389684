"""A window in numbers: everything the rules need, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from components.monitor.grids import ANSWERS, GRIDS, PICTURES, Counts
from components.monitor.histogram import Histogram


@dataclass(frozen=True)
class Tally:
    """How often a class was predicted.

    Attributes:
        index: Its number; None where answers hold labels alone.
        label: Its name, the first in the alphabet where answers disagree; None where they hold numbers alone.
        count: Predictions.
    """

    index: int | None
    label: str | None
    count: int

    @property
    def shown(self) -> str:
        """``14 (Stop)``, ``14`` or ``Stop``."""
        if self.index is None:
            return self.label or ""
        return f"{self.index} ({self.label})" if self.label else str(self.index)


def _histograms() -> dict[str, Histogram]:
    return {name: Histogram(grid) for name, grid in GRIDS.items()}


@dataclass
class Statistics:
    """A window, counted.

    Attributes:
        endpoint: Whose; empty for all.
        variant: Whose; empty for all.
        start: UTC seconds since 1970, or None.
        end: As ``start``; itself outside.
        records: Distinct records by their event ids.
        unreadable: Of these, with an answer that holds no prediction.
        broken: Distinct lines that are no record; they have no time, so they may be of the hours next to the window.
        predictions: In the readable records.
        first: Time of the earliest record, UTC seconds; None where there is none.
        last: Time of the latest.
        classes: By name: a class's number in decimal, or its label where it has no number.
        histograms: By feature.
        sampled: Records that were looked at for an image.
        low: Predictions with a score below the bound of the reading.
        ranked: Predictions whose best three are in the table of related classes; 0 where the reading had no table.
        unrelated: Of these, whose best three are unrelated and each below the bound.
        models: Records by the digest of the model that answered; of those that name one.
    """

    endpoint: str = ""
    variant: str = ""
    start: float | None = None
    end: float | None = None
    records: int = 0
    unreadable: int = 0
    broken: int = 0
    predictions: int = 0
    first: float | None = None
    last: float | None = None
    classes: dict[str, Tally] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=_histograms)
    sampled: int = 0
    low: int = 0
    ranked: int = 0
    unrelated: int = 0
    models: dict[str, int] = field(default_factory=dict)

    @property
    def scored(self) -> int:
        """Predictions with a score."""
        return self.histograms[ANSWERS[0]].total

    @property
    def images(self) -> int:
        """Images that were measured."""
        return self.histograms[PICTURES[0]].total

    def shown(self, name: str) -> str:
        """Returns a class as people read it."""
        tally = self.classes.get(name)
        return tally.shown if tally else name


def aligned(first: Mapping[str, Tally], second: Mapping[str, Tally]) -> tuple[list[str], Counts, Counts]:
    """Returns the names of all classes in order, and both counts int64 ``(classes,)``."""
    names = sorted({*first, *second}, key=order)
    counts = [
        np.array([found[name].count if name in found else 0 for name in names], np.int64) for found in (first, second)
    ]
    return names, counts[0], counts[1]


def order(name: str) -> tuple[bool, int, str]:
    """Sorts classes by their number, and those without one behind them."""
    number = name.lstrip("-")
    whole = number.isascii() and number.isdigit()
    return not whole, int(name) if whole else 0, name
