"""What the rules look at in one prediction: its score, how sure the ranking is, whether its best three make sense."""

from __future__ import annotations

import math

from components.capture.predictions import Prediction, Ranked
from components.monitor.related import Related
from components.monitor.spill import PREDICTED, RANKED, UNRELATED, Row

_SLACK = 1e-3
"""By which probabilities may pass 1, each and in sum: float16, and decimals that were cut."""

_NAN = math.nan


def row(prediction: Prediction, category: int, bound: float, related: Related | None) -> Row:
    """Returns what is kept of a prediction.

    Args:
        prediction: As the answer held it.
        category: The number of its class in the window's table.
        bound: The score below which each of three unrelated classes lies.
        related: Which classes are related; None where nobody said.
    """
    flags = PREDICTED
    ranking = prediction.top if probabilities(prediction.top) else ()
    score = _score(prediction, ranking)
    best = [one.class_index for one in ranking[:3]]
    if related is not None and len(best) == 3 and related.knows(best):
        flags |= RANKED
        if ranking[0].score < bound and related.unrelated(best):
            flags |= UNRELATED
    return Row(flags, category, score, entropy(ranking), margin(ranking))


def _score(prediction: Prediction, ranking: tuple[Ranked, ...]) -> float:
    score = prediction.score
    if score is None and ranking and ranking[0].class_index == prediction.class_index:
        score = ranking[0].score
    if score is None or not 0 <= score <= 1 + _SLACK:  # a logit is no score, and neither is nan
        return _NAN
    return min(score, 1.0)


def probabilities(ranking: tuple[Ranked, ...]) -> bool:
    """Whether the scores of a ranking are probabilities; logits are not, nor are scores that sum to 0 or to 2."""
    scores = [one.score for one in ranking]
    return bool(scores) and min(scores) >= 0 and 0 < math.fsum(scores) <= 1 + _SLACK


def entropy(ranking: tuple[Ranked, ...]) -> float:
    """Returns the entropy in nats; nan without a ranking.

    A ranking holds the best few classes. What is left to 1 counts as one more class, which gives the smallest entropy
    that the whole can have: a lower bound, and the same measure for every record with as long a ranking.
    """
    if not ranking:
        return _NAN
    scores = [min(one.score, 1.0) for one in ranking]
    scores.append(max(0.0, 1.0 - math.fsum(scores)))
    return max(0.0, -math.fsum(p * math.log(p) for p in scores if p > 1e-12))


def margin(ranking: tuple[Ranked, ...]) -> float:
    """Returns by how much the best score passes the second; nan without two."""
    return min(ranking[0].score - ranking[1].score, 1.0) if len(ranking) > 1 else _NAN
