"""The bins in which each measured quantity is counted.

Counts in fixed bins can be added up over records, files and runs without an error, take the same room for ten records
as for ten million, and are all that the two-sample tests need: these look at the order of values, so a grid is fine
where the values lie. A classifier's scores crowd at 1, which on an even grid would be one bin; in steps of the logit
0.99 and 0.9999 are far apart. A grid is known by its name: what was counted on another one is not compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Bins on an axis.

    Attributes:
        name: Changes whenever an edge does.
        edges: ``(bins + 1,)``, ascending; bin ``i`` is ``[edges[i], edges[i + 1])``. What lies outside counts into the
            first or last bin.
    """

    name: str
    edges: tuple[float, ...]

    @property
    def bins(self) -> int:
        """How many there are."""
        return len(self.edges) - 1

    def index(self, values: Any) -> NDArray[np.int64]:
        """Returns the bin of each finite value, in the values' shape."""
        found: NDArray[np.int64] = np.searchsorted(np.asarray(self.edges), values, side="right") - 1
        return np.clip(found, 0, self.bins - 1)


def _logit(low: float, high: float, steps: int) -> Grid:
    """Bins of equal width in ``log(p / (1 - p))``; 0.5 is an edge."""
    x = np.arange(round(low * steps), round(high * steps) + 1) / steps
    return Grid(f"logit-{steps}", (0.0, *(1 / (1 + np.exp(-x))).tolist(), 1.0))


def _octaves(low: int, high: int, steps: int) -> Grid:
    """Bins of equal width in ``log2``, and one from 0 to the first of them."""
    return Grid(f"log2-{low}-{steps}", (0.0, *np.exp2(np.arange(low * steps, high * steps + 1) / steps).tolist()))


def _even(low: float, high: float, bins: int) -> Grid:
    return Grid(f"even-{bins}", tuple(np.linspace(low, high, bins + 1).tolist()))


CLASS = "PredictedClass"
CONFIDENCE, ENTROPY, MARGIN = "Confidence", "Entropy", "Margin"
ANSWERS = (CONFIDENCE, ENTROPY, MARGIN)
PICTURES = ("Brightness", "Contrast", "Saturation", "Sharpness", "ImageWidth", "ImageHeight")
INTEGRAL = ("ImageWidth", "ImageHeight")

GRIDS: dict[str, Grid] = {
    CONFIDENCE: _logit(-8, 16, 8),
    ENTROPY: _octaves(-20, 4, 8),
    MARGIN: _logit(-8, 16, 8),
    "Brightness": _even(0, 1, 128),
    "Contrast": _even(0, 0.5, 128),
    "Saturation": _even(0, 1, 128),
    "Sharpness": _octaves(-12, 2, 8),
    "ImageWidth": _octaves(0, 14, 16),
    "ImageHeight": _octaves(0, 14, 16),
}
"""The grid of each feature, by its name in ``statistics.json``."""
