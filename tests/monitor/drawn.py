"""Windows drawn from known distributions, as counts: no file is written for them."""

from __future__ import annotations

import numpy as np

from components.monitor import constraints
from components.monitor.constraints import Constraints
from components.monitor.grids import ANSWERS, GRIDS, PICTURES
from components.monitor.statistics import Statistics, Tally

SHARES = np.array([1 + (i % 5) for i in range(43)], float) / sum(1 + (i % 5) for i in range(43))


def window(random: np.random.Generator, count: int, shares: np.ndarray = SHARES, **moved: float) -> Statistics:
    """A window of ``count`` records; ``moved`` adds to a feature's values."""
    found = Statistics(records=count, predictions=count, sampled=count, ranked=count)
    drawn = random.multinomial(count, shares)
    found.classes = {str(i): Tally(i, f"Sign {i}", int(n)) for i, n in enumerate(drawn) if n}
    scores = 1 - random.beta(0.6, 12, count)
    values = {
        "Confidence": scores,
        "Entropy": -scores * np.log(scores)
        - (1 - scores) * np.log(1 - scores + 1e-9) * random.uniform(0.8, 1.2, count),
        "Margin": np.clip(scores - (1 - scores) * random.uniform(0.3, 1, count), 0, 1),
        **{name: random.beta(4, 4, count) * 0.5 for name in PICTURES[:4]},
        **{name: random.integers(24, 60, count).astype(float) for name in PICTURES[4:]},
    }
    for name in (*ANSWERS, *PICTURES):
        found.histograms[name].add(np.asarray(values[name], float) + moved.get(name, 0.0))
    found.low = int((scores < 0.5).sum())
    assert set(values) == set(GRIDS)
    return found


def suggested(baseline: Statistics, distance: float = 0.1) -> Constraints:
    return constraints.read(constraints.suggest(baseline, distance))
